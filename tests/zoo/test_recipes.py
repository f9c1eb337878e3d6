"""Recipes state what they are and what they reach."""

from pathlib import Path

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.metrics import evaluate
from keras_gen.zoo import store, tables

NAMES = zoo.recipe_names()
PRETRAINED = [name for name in NAMES if store.is_pretrained(name)]
DIGITS = [name for name in PRETRAINED if name.endswith("_digits")]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_states_its_size_and_result(name):
    recipe = zoo.find_recipe(name)
    model = recipe.build(recipe.seed)
    size = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert recipe.parameters == size
    assert model.compiled
    assert model.seed == recipe.seed
    assert recipe.expected
    for metric, (low, high) in recipe.expected.items():
        assert low <= recipe.results[metric] <= high


def test_what_the_mission_ships_is_there():
    digits = {n for n in NAMES if n.endswith("_digits")}
    assert set(PRETRAINED) >= digits | {"vae_mnist", "conditional_vae_mnist"}


def assert_results(name, count):
    """The published weights reach the figures that the recipe states."""
    recipe = zoo.find_recipe(name)
    split = zoo.load_data(recipe.data).test
    model = zoo.load(name)
    labels = None if model.num_classes is None else split.labels[:count]
    figures = evaluate(model, split.head(count), labels, **recipe.evaluation)
    for metric, stated in recipe.results.items():
        assert figures[metric].value == pytest.approx(stated, abs=6e-3), metric


@pytest.mark.parametrize("name", DIGITS)
def test_published_digits_reach_what_is_stated(name):
    assert_results(name, 360)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PRETRAINED) - set(DIGITS)))
def test_published_weights_reach_what_is_stated(name):
    assert_results(name, 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_reaches_what_is_expected(name, tmp_path):
    recipe = zoo.find_recipe(name)
    model = zoo.train(name, tmp_path / "run")
    split = zoo.load_data(recipe.data).test
    labels = None if model.num_classes is None else split.labels[:10_000]
    figures = evaluate(model, split.head(10_000), labels, **recipe.evaluation)
    for metric, (low, high) in recipe.expected.items():
        assert low <= figures[metric].value <= high, metric


def test_the_readme_shows_the_results_of_the_recipes():
    readme = Path(__file__).parents[2] / "README.md"
    assert tables.recipe_table() in readme.read_text()
