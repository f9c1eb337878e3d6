"""SampleText: texts of a model while it trains."""

from pathlib import Path
from typing import Any

import numpy as np

from ..capabilities import Completes
from ..files import whole_file, write_array
from ..validation import check_positive, check_type
from .drawing import Draws
from .previews import default_labels

SEPARATOR = "\n----\n"


class SampleText(Draws):
    """Writes the same samples every few epochs and at the end of training.

    Args:
        path: The text file, replaced each time, or an `.npy` file of tokens.
        freq: Epochs between two files.
        num_samples: Number of texts.
        max_new_tokens: Tokens per text. None means the model's `length`.
        prompt: The beginning of each text.
        seed: Seed of the samples.
        how: Further arguments of `complete`, such as `temperature`. A model with
            classes writes all of them in turn, unless a `condition` is given.

    Example:
        >>> import pathlib, tempfile
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("abc ")
        >>> network = kg.networks.recurrent(4, width=4, units=(8,))
        >>> model = kg.Autoregressive(network, tokenizer, length=8, seed=0)
        >>> model.compile(run_eagerly=True)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "texts.txt"
        >>> texts = kg.callbacks.SampleText(path, num_samples=2, prompt="a")
        >>> history = model.fit(["abc abc"], verbose=0, callbacks=[texts])
        >>> path.read_text()[0]
        'a'
    """

    def __init__(
        self,
        path: str | Path,
        *,
        freq: int = 1,
        num_samples: int = 8,
        max_new_tokens: int | None = None,
        prompt: str = "",
        seed: int = 0,
        how: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(path, freq)
        check_positive(num_samples, "num_samples", integer=True)
        self.prompts, self.max_new_tokens = [prompt] * num_samples, max_new_tokens
        self.seed, self.how = seed, how or {}

    def draw(self) -> None:
        """Writes the texts of the current model."""
        check_type(self.model, Completes, "model")
        options = {"seed": self.seed, **self.how}
        if self.model.condition is not None:
            count = len(self.prompts)
            options.setdefault("condition", default_labels(self.model, count))
        if self.path.suffix == ".npy":
            count = len(self.prompts)
            empty: Any = np.empty((count, 0), np.int32)
            tokens = self.model.complete(empty, self.max_new_tokens, **options)
            write_array(self.path, tokens)
            return
        texts = self.model.complete(self.prompts, self.max_new_tokens, **options)
        write_texts(self.path, texts)


def write_texts(path: Path, texts: list[str]) -> None:
    """Writes texts to a file, one per line, or with a line of dashes between them."""
    separator = SEPARATOR if any("\n" in text for text in texts) else "\n"
    with whole_file(path) as temporary:
        temporary.write_text(separator.join(texts) + "\n", encoding="utf-8")
