"""The published models give the answers of the table, `published.json`."""

import json
from pathlib import Path

import numpy as np
import pytest

from keras_gen import zoo
from tests.zoo import published

TABLE = json.loads(Path(__file__).with_name("published.json").read_text())
QUICK = ("autoencoder_digits", "nsf_rings", "vae_mnist")
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in published.PUBLISHED
]


def test_the_table_holds_every_published_model():
    assert set(TABLE) == set(published.PUBLISHED)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_table(name):
    expected, found = TABLE[name], published.answers(zoo.load(name))
    assert found.keys() == expected.keys()
    for verb, values in expected.items():
        if isinstance(values[0], str):
            assert found[verb] == values, verb
        else:
            error = np.abs(np.subtract(found[verb], values))
            worst = (error / np.maximum(1, np.abs(values))).max()
            assert worst < 1e-6, f"{verb} is off by {worst:.2g}"
