"""Figures of models of tokens."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..capabilities import Bounds, Completes
from ..models import Autoregressive
from ..specs import num_classes
from ..tokenizers import Tokenizer, UnknownCharacter
from ..tokens import PAD, from_rows, is_texts
from ..writing import to_few_lengths
from .arrays import spread_rows
from .classes import label_agreement
from .estimate import Estimate
from .likelihood import bits_per_character, nats, nats_per_token, perplexity

PIECES = 1024  # of texts that are scored at once
IMPORTANCE_SAMPLES = 16
NGRAMS = range(1, 5)  # tokens of the features of a classifier
LEARNED, SAMPLED = 5000, 500  # texts of the agreement with labels


def token_figures(
    model: Autoregressive, x: np.ndarray, condition: Any = None, given: int = 0
) -> dict[str, Estimate]:
    """Figures of a model's predictions of tokens.

    Args:
        model: A model of tokens.
        x: Tokens, int32 `(n, length)`, -1 after the last token of a row.
        condition: Rows of the model's `condition` spec, one per text.
        given: Number of tokens at the beginning of each row that are not predicted,
            for rows that are windows of a longer text.

    Returns:
        `nats_per_token` and `perplexity`, its exponential; `bits_per_character` with a
        tokenizer; and `log_prob` in nats for whole texts (`given` is 0). Standard
        errors assume that rows are independent.
    """
    log_prob = model.token_log_probs(x, condition=condition)[:, given:].sum(axis=1)
    predicted = x[:, given:]
    counts = (predicted != PAD).sum(axis=1)
    figures = {
        "nats_per_token": nats_per_token(log_prob, counts),
        "perplexity": perplexity(log_prob, counts),
    }
    if model.tokenizer is not None:
        lengths = np.array([len(t) for t in model.tokenizer.decode_batch(predicted)])
        figures["bits_per_character"] = bits_per_character(log_prob, lengths)
    return figures if given else {**figures, "log_prob": nats(log_prob)}


def text_scores(
    model: Any, x: Any, condition: Any = None, *, seed: int = 0
) -> np.ndarray:
    """Negative log-likelihood per token of texts, nats; an upper bound for a VAE.

    Texts may be longer than the model's `length`. A language model then reads pieces of
    `length` tokens, each of which begins with the last token of the previous one, which
    is not scored again. A `TextVAE` scores the pieces as sentences of their own.

    Args:
        model: An `Autoregressive` or a `TextVAE`.
        x: Texts, to which the model's end token is added, or rows of tokens, int32 `(n,
            length)`, -1 after the last, or of different lengths.
        condition: Rows of the model's `condition` spec, one per text.
        seed: Seed of the draws of bounds.

    Returns:
        float64 `(n,)`. Infinite for a text with a character that has no token.

    Raises:
        ValueError: If a text is empty, or if values do not fit the model.

    Example:
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("ab")
        >>> network = kg.networks.recurrent(2, width=4, units=(4,))
        >>> model = kg.Autoregressive(network, tokenizer, length=3, seed=0)
        >>> kg.metrics.text_scores(model, ["ab" * 50, "a", "c"])[2]
        inf
    """
    rows = _rows_of(model, x)
    if condition is not None:
        condition = model.condition.check(condition, "condition", rows=len(rows))
    counts = np.array([np.inf if row is None else len(row) for row in rows])
    if (counts == 0).any():
        raise ValueError(f"x[{int(np.argmin(counts))}] is empty: it has no tokens.")
    totals = np.zeros(len(rows))
    pieces = [(i, *p) for i, row in enumerate(rows) for p in _pieces(model, row)]
    for start in range(0, len(pieces), PIECES):
        numbers, parts, given = zip(*pieces[start : start + PIECES], strict=True)
        numbers = np.array(numbers)
        known = {} if condition is None else {"condition": condition[numbers]}
        tokens = to_few_lengths(from_rows(parts))[:, : model.length]
        if isinstance(model, Bounds):
            scores = model.importance_log_prob(
                tokens, IMPORTANCE_SAMPLES, **known, seed=seed
            )
        else:
            logs = np.asarray(model.token_log_probs(tokens, **known), np.float64)
            scores = logs.sum(axis=1) - np.where(given, logs[:, 0], 0)
        np.subtract.at(totals, numbers, np.asarray(scores, np.float64))
    return np.where(np.isinf(counts), np.inf, totals / counts)


def _rows_of(model: Completes, x: Any) -> list[np.ndarray | None]:
    """The tokens of each text, or None if a character has no token."""
    x = [x] if isinstance(x, str) else x
    if not is_texts(x) or model.tokenizer is None:
        return [row[row != PAD] for row in model.prompts.check(x, "x")]
    end = [] if model.end_token is None else [model.end_token]
    found = (_encoded(model.tokenizer, text) for text in x)
    return [row if row is None else np.append(row, end).astype(int) for row in found]


def _encoded(tokenizer: Tokenizer, text: str) -> np.ndarray | None:
    try:
        return tokenizer.encode(text)
    except UnknownCharacter:
        return None


def _pieces(
    model: Completes, row: np.ndarray | None
) -> Iterator[tuple[np.ndarray, bool]]:
    """Pieces of a text, and whether the first token of a piece was scored before."""
    if row is None:
        return
    overlaps = not isinstance(model, Bounds) and model.length > 1
    step = model.length - overlaps
    for start in range(0, max(1, len(row) - overlaps), step):
        yield row[start : start + model.length], overlaps and start > 0


def text_agreement(
    model: Any,
    x: np.ndarray,
    condition: Any,
    train: np.ndarray,
    train_condition: Any,
    *,
    seed: int = 0,
) -> Estimate:
    """Share of sampled texts that a classifier assigns to the class asked for.

    The classifier is a logistic regression on the shares of sequences of one to four
    tokens, learned from at most 5,000 training texts. It judges at most 500 samples,
    with the classes of the held-out texts.

    Args:
        model: A model of tokens with classes.
        x: Held-out tokens, int32 `(n, length)`, -1 after the last token of a row.
        condition: Their classes, `(n,)`.
        train: Training tokens, int32 `(m, length)`.
        train_condition: Their classes, `(m,)`, at least two.
        seed: Seed of the samples.

    Returns:
        The share, in [0, 1], with the accuracy on the held-out texts as reference.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression

    features = HashingVectorizer(analyzer=_ngrams, alternate_sign=False)
    rows = spread_rows(len(train), LEARNED)
    classifier = LogisticRegression(C=10.0, max_iter=200)
    labels = np.asarray(train_condition)[rows]
    classifier.fit(features.transform(train[rows]), labels)
    asked = np.asarray(condition)[np.arange(min(len(x), SAMPLED))]
    made = model.complete([[]] * len(asked), condition=asked, seed=seed)
    count = num_classes(model.condition) or 0

    def agreement(rows: np.ndarray, labels: Any) -> Estimate:
        found = np.zeros((len(rows), count))
        found[:, classifier.classes_] = classifier.predict_proba(
            features.transform(rows)
        )
        return label_agreement(found, labels, extractor="token sequences")

    real = agreement(x, condition)
    return agreement(made, asked)._replace(reference=real.value)


def _ngrams(row: np.ndarray) -> list[str]:
    """The sequences of one to four tokens of a row."""
    words = [str(token) for token in row[row != PAD]]
    return [
        " ".join(words[i : i + n]) for n in NGRAMS for i in range(len(words) - n + 1)
    ]
