"""Running `.tflite` files of a fixed batch on rows of any number."""

import numpy as np


def by_rows(call, given, size=1):
    """The answers of an endpoint that takes `size` rows at once."""
    number = len(next(iter(given.values())))
    answers = []
    for start in range(0, number, size):
        rows = {k: v[start : start + size] for k, v in given.items()}
        (found,) = call(**rows).values()
        answers.append(found)
    return np.concatenate(answers)


def as_arguments(given):
    """The inputs of an endpoint by the names that the model's methods have for them."""
    return {
        "condition" if name in ("labels", "context") else name: rows
        for name, rows in given.items()
    }
