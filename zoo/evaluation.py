"""Data as a model's examples, and its figures on them."""

import math
from typing import TYPE_CHECKING, Any

from .data import Data, TextSplit
from .languages import tokenized
from .recipe import Recipe

if TYPE_CHECKING:
    from ..model import GenerativeModel

EVALUATED_EXAMPLES, FEWEST_EXAMPLES = 10_000, 10
TRAIN_EXAMPLES, TRAIN_BYTES = 60_000, 2**28  # of which samples may be copies


def prepared(model: "GenerativeModel", data: Data, recipe: Recipe) -> Data:
    """The data as examples of the model: of text, the tokens.

    Raises:
        ValueError: If they have not what the model needs.
    """
    if recipe.text is not None:
        return tokenized(data, recipe, model.tokenizer)
    if isinstance(data.train, TextSplit):
        raise ValueError(f"{data.name} is text: {model.name} needs arrays.")
    if data.train.data_shape != model.data_shape:
        raise ValueError(
            f"{data.name} has examples of shape {data.train.data_shape}, "
            f"{model.name} expects {model.data_shape}."
        )
    from ..validation import check_labels

    if model.num_classes is not None:
        for split in (data.train, data.test):
            check_labels(split.labels, model.num_classes, name=f"labels of {data.name}")
    return data


def evaluate_on(model: "GenerativeModel", data: Data, recipe: Recipe) -> dict[str, Any]:
    """The figures of a model on the first test examples, at most 10,000.

    If there are at least 10, samples are compared with them in the features of
    `extractor_for` the data. Known modes are those of the recipe's own data. A file of
    the user's is not the data set whose name it bears.
    """
    from ..capabilities import Generates
    from ..metrics import evaluate
    from .extractors import extractor_for

    n = min(len(data.test), EVALUATED_EXAMPLES)
    labels = None if model.num_classes is None else data.test.labels[:n]
    samples = {}
    if isinstance(model, Generates) and model.can_generate and n >= FEWEST_EXAMPLES:
        most = TRAIN_BYTES // (4 * math.prod(model.data_shape))
        train = data.train.head(min(TRAIN_EXAMPLES, most))
        extractor = extractor_for(model.data_shape, data.name if data.known else None)
        samples = {"extractor": extractor, "train": train}
    is_own = data.known and data.name == recipe.data
    known = set() if is_own else {"modes", "stddev"}
    settings = {k: v for k, v in recipe.evaluation.items() if k not in known}
    if recipe.text is not None:
        settings["given"] = recipe.text.given
    return evaluate(model, data.test.head(n), labels, **samples, **settings)
