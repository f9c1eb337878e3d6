"""Recipes state what they are and what they reach."""

import dataclasses
import math
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.metrics import frechet_distance
from keras_gen.zoo import printing, store
from keras_gen.zoo import recipe as recipes
from keras_gen.zoo.data import only
from keras_gen.zoo.embedded import BUILDERS
from keras_gen.zoo.evaluation import evaluate_on, prepared
from keras_gen.zoo.optimizing import Cosine
from keras_gen.zoo.tabular import TABLES

from ..marks import but_slow

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
NAMES = zoo.recipe_names()
PRETRAINED = [name for name in NAMES if store.is_pretrained(name)]
MEASURED = [name for name in NAMES if zoo.find_recipe(name).results]
DIGITS = [name for name in PRETRAINED if name.endswith("_digits")]
DIFFUSION = [name for name in NAMES if zoo.find_recipe(name).family == "diffusion"]
OF_TABLES = [name for name in NAMES if zoo.find_recipe(name).data in TABLES]
SLOW = ["glow_digits", "conditional_nsf_digits", "realnvp_digits", "pixelcnn_digits"]
LONG = ["pixelcnn_mnist", "vae_mnist", "r3gan_mnist", "glow_mnist"]  # minutes each
LONG += ["flow_matching_mnist", "vae_fashion", "vamp_vae_mnist", "vqvae_fashion"]
SLOW += ["conditional_vae_digits", "conditional_gan_digits"]
SLOW += ["denoising_autoencoder_digits", "latent_diffusion_digits"]


BUILT = {*DIGITS, OF_TABLES[0], "sngan_mnist", "pixelcnn_mnist", "gan_ring"}
LAST = {name: zoo.find_recipe(name).plan[-1] for name in NAMES}
RATES = {name: stage.rate for name, stage in LAST.items()}
FALLING = {name: rate for name, rate in RATES.items() if isinstance(rate, Cosine)}
PUBLISHED = {  # highest rate, step of the end, steps of the rise: results rest on them
    "classifier_digits": (2e-3, 3450, 0),
    "classifier_emoji": (1e-3, 1620, 0),
    "classifier_fashion": (1e-3, 14070, 0),
    "classifier_mnist": (1e-3, 14070, 0),
    "conditional_diffusion_digits": (1e-3, 3300, 0),
    "conditional_nsf_digits": (1e-3, 1380, 0),
    "ctgan_diamonds": (4e-4, 9800, 0),
    "ddpm_digits": (1e-3, 3300, 0),
    "ddpm_mnist": (1e-3, 4685, 0),
    "diffusion_diamonds": (1e-3, 9800, 0),
    "diffusion_emoji": (1e-3, 19158, 300),
    "diffusion_fashion": (1e-3, 5628, 0),
    "diffusion_photos": (1e-3, 3800, 0),
    "diffusion_two_moons": (2e-3, 5880, 0),
    "dit_mnist": (5e-4, 7496, 0),
    "edm_digits": (1e-3, 3300, 0),
    "flow_fashion": (1e-3, 4800, 0),
    "flow_diamonds": (1e-3, 5880, 0),
    "flow_matching_digits": (1e-3, 3300, 0),
    "flow_matching_mnist": (1e-3, 6559, 0),
    "flow_matching_two_moons": (2e-3, 5880, 0),
    "gan_ring": (1e-3, 12000, 0),
    "glow_digits": (1e-3, 1380, 0),
    "glow_mnist": (1e-3, 4800, 0),
    "latent_diffusion_digits": (1e-3, 9200, 0),
    "latent_flow_mnist": (1e-3, 14070, 0),
    "lstm_pydocs": (4e-3, 2040, 100),
    "made_mnist": (1e-3, 12000, 0),
    "maf_mnist": (3e-4, 6000, 0),
    "maf_two_moons": (1e-3, 7840, 0),
    "nice_digits": (1e-3, 920, 0),
    "nsf_breast_cancer": (2e-3, 480, 0),
    "nsf_bsds300": (5e-4, 400570, 0),
    "nsf_checkerboard": (1e-3, 7840, 0),
    "nsf_gas": (5e-4, 399600, 0),
    "nsf_hepmass": (5e-4, 400075, 0),
    "nsf_miniboone": (3e-4, 200046, 0),
    "nsf_pinwheel": (1e-3, 7840, 0),
    "nsf_power": (5e-4, 398889, 0),
    "nsf_rings": (1e-3, 7840, 0),
    "nsf_two_moons": (1e-3, 7840, 0),
    "nsf_two_spirals": (1e-3, 7840, 0),
    "pix2pix_emoji": (4e-4, 6480, 0),
    "pixelcnn_digits": (2e-3, 1760, 0),
    "pixelcnn_mnist": (3e-3, 22500, 0),
    "pixelcnn_photos": (2e-3, 3820, 0),
    "r3gan_ring": (1e-3, 12000, 0),
    "realnvp_digits": (1e-3, 575, 0),
    "realnvp_photos": (1e-3, 2440, 0),
    "realnvp_two_moons": (1e-3, 7840, 0),
    "text_vae_pydocs": (2e-3, 2160, 0),
    "text_vae_shakespeare": (2e-3, 4000, 0),
    "transformer_pydocs": (2e-3, 2040, 100),
    "transformer_shakespeare": (2e-3, 2000, 100),
    "transformer_shakespeare_large": (1.5e-3, 2000, 100),
    "tvae_diamonds": (1e-3, 14700, 0),
    "vae_breast_cancer": (1e-3, 1008, 0),
    "vae_emoji": (1e-3, 2160, 0),
    "vae_fashion": (1e-3, 60000, 0),
    "vae_heartbeats": (1e-3, 1320, 0),
    "vae_wine": (1e-3, 1350, 0),
    "vamp_vae_mnist": (1e-3, 60000, 0),
    "vqvae_fashion": (2e-3, 4690, 0),
    "wgan_gp_ring": (1e-3, 12000, 0),
}


@pytest.mark.parametrize("name", but_slow(NAMES, {*NAMES} - BUILT))
def test_a_recipe_states_its_size(name):
    recipe = zoo.find_recipe(name)
    size, before = 0, ()
    for stage in recipe.plan:
        is_falling = isinstance(stage.rate, Cosine)
        own = {"steps": 77} if is_falling else {}
        model = stage.build(recipe.seed, *before, **own)
        if is_falling:
            rate = keras.saving.serialize_keras_object(stage.rate.over(77))
            for optimizer in getattr(model.optimizer, "players", [model.optimizer]):
                assert optimizer.get_config()["learning_rate"] == rate
        size += sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert model.compiled
        assert model.seed == recipe.seed
        before = (model,)
    assert recipe.parameters == size


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_states_its_result(name):
    recipe = zoo.find_recipe(name)
    is_measured = recipe.data not in {*TABLES, "smiles"}  # files of the user's
    assert bool(recipe.expected) == bool(recipe.results) == is_measured
    for metric, (low, high) in recipe.expected.items():
        assert low <= recipe.results[metric] <= high


@pytest.mark.parametrize("name", FALLING)
def test_the_rate_of_a_recipes_own_run_is_that_of_its_results(name):
    recipe, rate = zoo.find_recipe(name), FALLING[name]
    peak, end, rise = PUBLISHED[name]
    schedule = rate.over().get_config()
    assert schedule["decay_steps"] + schedule["warmup_steps"] == end
    assert schedule["warmup_steps"] == rise
    assert schedule["warmup_target" if rise else "initial_learning_rate"] == peak
    assert schedule["alpha"] == 0
    if recipe.data in {*BUILDERS, "mnist"} - {"pydocs"}:
        num = 60_000
        if recipe.data != "mnist":
            data = zoo.load_data(recipe.data)
            data = only(data, recipe.normal) if recipe.normal else data
            num = len(data.train)
        assert rate.steps == LAST[name].epochs * math.ceil(num / recipe.batch_size)
        assert rate.over(rate.steps).get_config() == schedule


@pytest.mark.parametrize(("steps", "share"), [(48, 1.0), (1000, 0.5), (100_000, 1.0)])
def test_the_rate_falls_over_the_steps_of_a_run(steps, share):
    schedule = Cosine(2e-3, 480, share=share).over(steps)
    end = steps * share
    rates = [float(schedule(step)) for step in (0, end / 4, end / 2, end - 1)]
    angles = np.pi * np.array([0, 1 / 4, 1 / 2, 1 - 1 / end])
    np.testing.assert_allclose(rates, 1e-3 * (1 + np.cos(angles)), atol=1e-8)
    assert float(schedule(end)) == 0


@pytest.mark.parametrize(
    ("steps", "rise"), [(2000, 100), (10_000, 100), (50, 5), (5, 0)]
)
def test_the_rate_rises_for_a_tenth_of_a_run_at_most(steps, rise):
    schedule = Cosine(1e-3, 2000, warmup_steps=100).over(steps)
    near = [max(0, rise - 1), rise, (rise + steps) / 2, steps]
    before, top, half, end = (float(schedule(step)) for step in near)
    assert top == pytest.approx(1e-3)
    assert half == pytest.approx(5e-4)
    assert rise == 0 or before == pytest.approx(1e-3 * (1 - 1 / rise))
    assert end == 0


def test_warm_up_of_a_text_vae_follows_the_run():
    rate = zoo.find_recipe("text_vae_pydocs").rate
    assert rate.steps == 48 * 45
    assert [rate.in_proportion(800, n) for n in (None, 2160, 216)] == [800, 800, 80]


def test_what_the_mission_ships_is_there():
    digits = {n for n in NAMES if n.endswith("_digits")}
    assert set(PRETRAINED) >= digits | {"vae_mnist", "conditional_vae_mnist"}


def figures_of(model, recipe):
    data = zoo.load_data(recipe.data)
    data = prepared(model, only(data, recipe.normal) if recipe.normal else data, recipe)
    return evaluate_on(model, data, recipe)


def assert_results(name):
    """The published weights reach the figures that the recipe states."""
    recipe = zoo.find_recipe(name)
    figures = figures_of(zoo.load(name), recipe)
    for metric, stated in recipe.results.items():
        expected = pytest.approx(stated, rel=2e-3, abs=6e-3)
        assert figures[metric].value == expected, metric


@pytest.mark.parametrize("name", but_slow(DIGITS, {*DIGITS} & {*DIFFUSION, *SLOW}))
def test_published_digits_reach_what_is_stated(name):
    assert_results(name)


@pytest.mark.slow
def test_more_steps_and_higher_orders_are_nearer_to_the_data():
    model, data = zoo.load("conditional_diffusion_digits"), zoo.load_data("digits")
    extractor = zoo.extractor_for(model.inputs.shape, data.name)
    real, labels = extractor(data.test.x).values, data.test.labels

    def distance(solver, steps):
        how = {"condition": labels, "guidance_scale": 1.0, "seed": 0}
        made = model.sample(len(labels), solver=solver, num_steps=steps, **how)
        return frechet_distance(real, extractor(made).values).value

    four, ten, twenty = (distance("ddim", steps) for steps in (4, 10, 20))
    assert four > ten > twenty  # measured: 9.01, 3.15, 2.28
    assert distance("dpm++2m", 10) < twenty
    assert distance("heun", 10) < twenty


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*They are dropped")  # lines that are too long
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in LONG))
        for name in sorted(set(PRETRAINED) - set(DIGITS))
    ],
)
def test_published_weights_reach_what_is_stated(name):
    assert_results(name)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", MEASURED)
def test_a_run_reaches_what_is_expected(name, tmp_path):
    recipe = zoo.find_recipe(name)
    model = zoo.train(name, tmp_path / "run")
    figures = figures_of(model, recipe)
    for metric, (low, high) in recipe.expected.items():
        assert low <= figures[metric].value <= high, metric


def test_the_page_of_the_zoo_shows_the_results_of_the_recipes():
    page = Path(__file__).parents[2] / "docs/zoo.md"
    assert printing.recipe_table() in page.read_text()
    assert printing.sample_table() in page.read_text()


def test_classes_and_modes_stand_in_the_first_table(monkeypatch):
    results = {"modes_found": 8, "near_a_mode": 0.98, "label_agreement": 0.97}
    results |= {"classes_found": 10, "smallest_class_share": 0.061}
    distances = dict.fromkeys(printing.SAMPLE_FIGURES, 1.5)
    made = dataclasses.replace(
        zoo.find_recipe("vae_mnist"), results={**distances, **results}
    )
    monkeypatch.setattr(recipes, "recipe_names", lambda: ["made"])
    monkeypatch.setattr(recipes, "find", {"made": made}.get)
    (*_, first), (*_, second) = (
        table().splitlines() for table in (printing.recipe_table, printing.sample_table)
    )
    assert (
        "| modes_found 8, near_a_mode 0.98, label_agreement 0.97, classes_found 10, "
        "smallest_class_share 0.061 |"
    ) in first
    assert second == "| `made` " + "| 1.5 " * len(distances) + "|"
