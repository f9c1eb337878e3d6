"""Captions: the texts of images, on which a model can be conditioned."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_gen.specs import Classes, Tokens
from keras_gen.tokenizers import WordTokenizer

from .fitting import takes_labels

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

    from .data import Data

OWN = 3  # tokens of a `WordTokenizer` besides words: two unknown ones, a line break
ONCE = 1  # words that occur no more often are unknown, so that this token is trained
MOST_WORDS = 10**6


def spec_of(data: "Data") -> Tokens:
    """The spec of captions: the words that occur several times in those of training.

    All other words are unknown. Rows have the length of the longest caption.
    """
    train, *others = ([*dict.fromkeys(split.labels.tolist())] for split in data.splits)
    tokens, _ = WordTokenizer.train(train, MOST_WORDS).encode_flat(train)
    frequent = int((np.bincount(tokens) > ONCE).sum())
    tokenizer = WordTokenizer.train(train, OWN + max(1, frequent))
    _, lengths = tokenizer.encode_flat(list(itertools.chain(train, *others)))
    return Tokens(tokenizer.vocabulary_size, int(max(1, *lengths)), tokenizer)


def shown_condition(
    model: "GenerativeModel", split: Any, most: int
) -> np.ndarray | None:
    """Rows of a condition that is no class, such as captions, to draw samples for.

    None for other models.

    Args:
        model: The model.
        split: Its held-out data.
        most: The largest number of rows.
    """
    if not takes_labels(model) or isinstance(model.condition, Classes):
        return None
    return split.labels[:most]
