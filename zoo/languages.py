"""Shared parts of the recipes of text: how a text is converted to examples."""

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .data import Data
from .optimizing import Cosine, Rate, compiled
from .recipe import Recipe, TextRows
from .texts import Records, TextSplit

if TYPE_CHECKING:
    import numpy as np

    from keras_gen.model import GenerativeModel
    from keras_gen.tokenizers import CharacterTokenizer, Tokenizer

ASCII = "\n" + "".join(map(chr, range(32, 127)))
LETTERS = "".join(map(chr, (*range(65, 91), *range(97, 123))))
SHAKESPEARE = "\n !$&',-.3:;?" + LETTERS
SMILES = "\n#$%()*+-./0123456789:=?@[\\]" + LETTERS
PYDOCS = ASCII + "°ß–—‘’“”…"
ENDS, UNKNOWN = "\n", "?"


@dataclass(frozen=True)
class InWindows:
    """Windows of a long text. The evaluation does not score the first token of each.

    Attributes:
        length: Number of tokens of a window.
        num: Windows per epoch. None means as many as fit next to each other.
    """

    length: int
    num: int | None = None
    given = 1

    def examples(self, split: TextSplit, tokenizer: "Tokenizer | None") -> "TokenSplit":
        """The examples of a split, class by class."""
        from keras_gen.texts import Windows, tokens_of

        tokens, labels = cast(Any, split.source), None
        if tokenizer is not None and split.labels is not None:
            tokens, labels = _by_class(split, tokenizer)
        elif tokenizer is not None:
            tokens = tokens_of(tokens, tokenizer)
        if len(tokens) < self.length:
            raise ValueError(
                f"the text is too short: nine tenths are for training and one for the "
                f"test, and a part has {len(tokens)} tokens. A window of the recipe "
                f"has {self.length} tokens. Presets take shorter ones with --length."
            )
        rows = Windows(tokens, self.length, self.num, labels=labels)
        return TokenSplit(rows, self.given, rows.labels_in_order())


@dataclass(frozen=True)
class InLines:
    """One text per line, or per sentence. The last token of each is a line end.

    Attributes:
        length: Largest number of tokens. Longer texts are left out, and longer rows of
            a token array are cut.
        sentences: Whether prose is split into sentences.
        end: The line end.
    """

    length: int
    sentences: bool = False
    end: str = ENDS
    given = 0

    def examples(self, split: TextSplit, tokenizer: "Tokenizer | None") -> "TokenSplit":
        """The examples of a split."""
        from keras_gen import texts

        source, labels = cast(Any, split.source), split.labels
        if tokenizer is None:
            return TokenSplit(_cut(source, self.length), self.given, labels)
        if self.sentences:
            source = "\n".join(texts.sentences(split.text))
        how: dict[str, Any] = {"end": self.end, "drop_long": True}
        if not isinstance(source, Records):
            rows = texts.lines(source, tokenizer, self.length, **how)
            return TokenSplit(rows, self.given)
        from keras_gen.texts.encoding import numbered_rows

        how["name"] = source.name
        rows, numbers = numbered_rows(source.texts(), tokenizer, self.length, **how)
        labels = None if labels is None else labels[numbers]
        return TokenSplit(rows, self.given, labels)


def _by_class(
    split: TextSplit, tokenizer: "Tokenizer"
) -> "tuple[np.ndarray, np.ndarray]":
    """The tokens of texts, class by class, and the class of each token."""
    import numpy as np

    from keras_gen.texts import tokens_of

    source, labels = cast(Records, split.source), cast(Any, split.labels)
    known = np.unique(labels)
    parts = []
    for label in known:
        chosen = dataclasses.replace(source, kept=source.chosen(labels == label))
        parts.append(tokens_of(chosen, tokenizer))
    kind = np.min_scalar_type(int(known.max()))
    counts = [len(part) for part in parts]
    return np.concatenate(parts), np.repeat(known.astype(kind), counts)


def _cut(rows: "np.ndarray", length: int) -> "np.ndarray":
    """The beginning of rows of tokens. Warns if tokens are cut off."""
    from keras_gen.tokens import PAD

    if count := int((rows[:, length:] != PAD).any(axis=1).sum()):
        warnings.warn(
            f"{count} of {len(rows)} rows have more than {length} tokens. They are "
            "cut.",
            stacklevel=3,
        )
    return rows[:, :length]


@dataclass(frozen=True)
class TokenSplit:
    """Examples of a split of text.

    Attributes:
        rows: Windows, or int32 `(n, length)`.
        given: Number of tokens at the beginning of a row that are not predicted.
        labels: The class of each example, int32 `(n,)`, or None.
    """

    rows: Any
    given: int = 0
    labels: "np.ndarray | None" = None

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.rows) if self._is_array else self.rows.num_in_order

    def head(self, n: int) -> "np.ndarray":
        """The first `n` examples, int32."""
        return self.rows[:n] if self._is_array else self.rows.head(n)

    def at(self, numbers: "np.ndarray") -> "np.ndarray":
        """Some of the examples by their numbers, int32."""
        if self._is_array:
            return self.rows[numbers]
        return self.rows.at(self.rows.in_order()[numbers])

    @property
    def _is_array(self) -> bool:
        import numpy as np

        return isinstance(self.rows, np.ndarray)


def tokenized(data: Data, recipe: Recipe, tokenizer: "Tokenizer | None") -> Data:
    """The data with tokens instead of text.

    Raises:
        ValueError: If the data are not text, or too short.
    """
    text = cast(TextRows, recipe.text)
    train, test = (text.examples(split, tokenizer) for split in _texts(data))
    return dataclasses.replace(data, train=train, test=test)


def tokenizer_for(
    data: Data, recipe: Recipe | None, end: str = ENDS
) -> "CharacterTokenizer":
    """The recipe's tokenizer for its own data, otherwise one with all characters.

    Args:
        data: The data.
        recipe: The recipe, or None.
        end: The end of a text, which is among the characters.

    Raises:
        ValueError: If the data are not text.
    """
    from keras_gen.tokenizers import CharacterTokenizer

    texts = _texts(data)
    if recipe is not None and data.known and data.name == recipe.data:
        return CharacterTokenizer(recipe.alphabet, UNKNOWN)
    parts = (*(split.source for split in texts), end)
    found = {c for part in parts for c in CharacterTokenizer.from_text(part).alphabet}
    return CharacterTokenizer("".join(sorted(found)))


def language_recipe(
    model: "Callable[[Tokenizer, int], GenerativeModel]",
    *,
    alphabet: str,
    rate: Rate,
    adam: dict[str, float] | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of a model of characters, trained with Adam.

    Args:
        model: Makes the model from a tokenizer and the seed of its noise.
        alphabet: The characters of the recipe's own data. Other characters are read as
            "?". Other data have their own alphabet.
        rate: Learning rate.
        adam: Further arguments of the optimizer.
        **facts: Further fields of `Recipe`.
    """

    def build(
        seed: int, tokenizer: "Tokenizer | None" = None, steps: int | None = None
    ) -> "GenerativeModel":
        from keras_gen.tokenizers import CharacterTokenizer

        tokenizer = tokenizer or CharacterTokenizer(alphabet, UNKNOWN)
        return compiled(model(tokenizer, seed), rate, steps, **(adam or {}))

    return Recipe(build=build, alphabet=alphabet, rate=rate, **facts)


def text_vae_recipe(
    length: int,
    *,
    alphabet: str,
    steps: int,
    warmup_steps: int,
    dropout: float = 0.0,
    **facts: Any,
) -> Recipe:
    """A recipe of a VAE of sentences, with one LSTM that writes and two that read.

    Args:
        length: Number of tokens of the longest sentence, including its end.
        alphabet: As in `language_recipe`.
        steps: Steps of the recipe's own run.
        warmup_steps: Number of these steps over which the weight of the KL term rises.
            It is the same share of a longer or shorter run.
        dropout: Share of the decoder's outputs that are set to 0.
        **facts: Further fields of `Recipe`.
    """
    rate = Cosine(2e-3, steps)

    def build(
        seed: int, tokenizer: "Tokenizer | None" = None, steps: int | None = None
    ) -> "GenerativeModel":
        import keras_gen as kg

        tokenizer = tokenizer or kg.tokenizers.CharacterTokenizer(alphabet, UNKNOWN)
        size, latent_dim = tokenizer.vocabulary_size, 16
        how: dict[str, Any] = {"width": 64, "condition_size": latent_dim}
        rises = rate.in_proportion(warmup_steps, steps)
        model = kg.TextVAE(
            kg.networks.text_encoder(size, latent_dim),
            kg.networks.recurrent(size, dropout=dropout, **how),
            tokenizer,
            objective=kg.ELBO(free_bits=0.5, warmup_steps=rises),
            length=length,
            seed=seed,
        )
        return compiled(model, rate, steps, clipnorm=5.0)

    facts |= {"build": build, "alphabet": alphabet, "rate": rate, "family": "VAE"}
    return Recipe(source="Bowman et al. 2016, small", **facts)


def _texts(data: Data) -> tuple[TextSplit, TextSplit]:
    if not isinstance(data.train, TextSplit):
        raise ValueError(f"this recipe requires text, received {data.name}.")
    return data.train, data.test
