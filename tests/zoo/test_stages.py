"""Recipes in several stages: one run, whose finished stages are never trained again."""

import csv
import dataclasses
import importlib
import json
import shutil
import time

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.engine import loop
from keras_gen.zoo import checkpoint, cli, store, watching
from keras_gen.zoo.optimizing import Cosine
from keras_gen.zoo.recipe import Recipe, Stage, UsageError

from .runs import assert_equal_runs
from .test_train import PROGRAM, kill, start, write_data

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a figure:UserWarning")
train_module = importlib.import_module("keras_gen.zoo.training")
NAME, EPOCHS = "staged", [2, 3]
FALLING = Cosine(1e-2, 100)


def autoencoder(seed):
    model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(8,)), seed=seed)
    model.compile("adam")
    return model


def latent(seed, autoencoder, steps=None, condition=None):
    layers = kg.bijectors.real_nvp(2, units=(8,))
    prior = kg.Flow(layers, autoencoder.latent, condition=condition, seed=seed)
    model = kg.Latent(autoencoder, prior)
    model.compile(keras.optimizers.Adam(FALLING.over(steps)))
    return model


def conditional(seed, autoencoder):
    return latent(seed, autoencoder, condition=kg.specs.Classes(10))


STAGES = (
    Stage("autoencoder", autoencoder, epochs=4),
    Stage("prior", latent, epochs=6, rate=FALLING),
)
FACTS = {"data": "digits", "source": "", "expected": {}, "results": {}}
STAGED = Recipe(stages=STAGES, family="latent", parameters=0, **FACTS)


@pytest.fixture(scope="module", autouse=True)
def staged():
    """The recipe under its name; runs are short, so compiling them does not pay."""
    told = dataclasses.replace(
        STAGED, stages=(STAGES[0], Stage("prior", conditional, epochs=1))
    )
    recipes = {NAME: STAGED, "told": told}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "default_jit", lambda model: False)
        found = zoo.find_recipe
        for module in (train_module, store):
            patch.setattr(module, "find", lambda n: recipes.get(n) or found(n))
        patch.setattr(watching, "GRIDS", 1)
        yield


def write_run(folder, **options):
    """A run on sixty random images: 54 of them are one batch."""
    data = write_data(folder / "mine.npz")
    how = {"data": data, "epochs": EPOCHS, "batch_size": 54, **options}
    return lambda out, **more: zoo.train(NAME, out, **how, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("stages")
    write_run(folder)(folder / "whole")
    return folder / "whole"


def test_the_stages_follow_each_other_in_one_run(whole):
    model, settings = zoo.load(whole), store.settings_of(whole)
    assert isinstance(model, kg.Latent)
    assert settings["epochs"] == EPOCHS
    assert settings["steps"] == sum(EPOCHS)
    assert model.autoencoder.training_steps == 2
    assert model.training_steps == int(model.optimizer.iterations) == 3
    assert not model.autoencoder.compiled, "its optimizer is left out of the file"
    rate = model.optimizer.get_config()["learning_rate"]["config"]
    assert rate["decay_steps"] == 3, "over the steps of its stage"
    with (whole / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["stage"] for row in rows] == ["autoencoder"] * 2 + ["prior"] * 3
    assert [bool(row["kl"]) for row in rows] == [True] * 2 + [False] * 3
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    names = {path.name for path in whole.iterdir()}
    facts = {store.RECIPE, store.HISTORY, store.METRICS, store.REPORT}
    assert names == facts | {store.MODEL, store.SAMPLES}
    figures = json.loads((whole / store.METRICS).read_text())
    assert figures["elbo"]["unit"] == "nats"


def test_the_stages_are_those_that_one_would_train_by_hand(whole):
    x = zoo.load_data(whole.parent / "mine.npz").train.x
    keras.utils.set_random_seed(0)
    vae = autoencoder(0)
    vae.fit(x, batch_size=54, epochs=2, verbose=0)
    keras.utils.set_random_seed(1)
    model = latent(0, vae, steps=3)
    model.fit(x, batch_size=54, epochs=3, verbose=0)
    found = zoo.load(whole)
    np.testing.assert_allclose(found.sample(4, seed=0), model.sample(4, seed=0), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("epoch", range(sum(EPOCHS)))
def test_a_run_goes_on_where_it_stopped_in_any_stage(
    whole, tmp_path, monkeypatch, epoch
):
    out, run = tmp_path / "run", write_run(tmp_path)
    kept, fit, trained = checkpoint.Checkpoint.on_epoch_end, kg.GenerativeModel.fit, []

    def stop(self, number, logs=None):
        if number == epoch:
            raise KeyboardInterrupt  # after the epoch, before its checkpoint
        kept(self, number, logs)

    def noted(self, *args, **options):
        trained.append((type(self).__name__, options["initial_epoch"]))
        return fit(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            run(out)
    monkeypatch.setattr(kg.GenerativeModel, "fit", noted)
    run(out, resume=True)
    expected = [("VAE", epoch)] * (epoch < 2) + [("LatentDensity", max(2, epoch))]
    assert trained == expected, "a finished stage is never trained again"
    assert_equal_runs(whole, out)


@pytest.mark.slow
def test_one_number_of_epochs_stands_for_each_stage(tmp_path, capsys):
    write_run(tmp_path, epochs=1)(tmp_path / "run")
    assert store.settings_of(tmp_path / "run")["epochs"] == [1, 1]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("autoencoder: epoch 1/2 ")
    assert printed[1].startswith("prior: epoch 2/2 ")
    with pytest.raises(UsageError, match="the run in .* is complete"):
        write_run(tmp_path, epochs=[1, 1])(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        ([1, 2, 3], "or 2, for autoencoder and prior: staged has .* received 1, 2, 3"),
        ([], "received none"),
        ([3, 0], "epochs must be at least 1, received 0"),
    ],
)
def test_epochs_that_do_not_fit_the_stages_are_refused(tmp_path, epochs, words):
    with pytest.raises(UsageError, match=words):
        write_run(tmp_path, epochs=epochs)(tmp_path / "run")
    with pytest.raises(UsageError, match="vae_digits has 1 stage, received 1, 2"):
        zoo.train("vae_digits", tmp_path / "run", epochs=[1, 2])
    assert not (tmp_path / "run").exists()


def test_a_run_is_resumed_with_its_own_epochs(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    words = r"has epochs=\[2, 3\], received \[2, 4\]\. Resume it with the same"
    with pytest.raises(UsageError, match=words):
        write_run(tmp_path, epochs=[2, 4])(tmp_path / "run", resume=True)
    settings = json.loads((whole / "recipe.json").read_text())
    for epochs in (5, [1, 2, 2]):
        text = json.dumps(settings | {"epochs": epochs})
        (tmp_path / "run/recipe.json").write_text(text)
        with pytest.raises(UsageError, match="the recipe has 2 stages: another"):
            zoo.train(NAME, tmp_path / "run", resume=True)
    for epochs in ([], [3], [3, "3"], [3, 0]):
        text = json.dumps(settings | {"epochs": epochs})
        (tmp_path / "run/recipe.json").write_text(text)
        with pytest.raises(RuntimeError, match="recipe.json is damaged: epochs must"):
            zoo.train(NAME, tmp_path / "run", resume=True)


def test_what_a_later_stage_needs_is_missed_before_the_first(tmp_path):
    how = {"data": write_data(tmp_path / "mine.npz"), "epochs": 1}
    with pytest.raises(ValueError, match="labels of mine are missing"):
        zoo.train("told", tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_its_stages():
    assert STAGED.epochs == 10
    model = STAGED.build(3)
    assert isinstance(model, kg.Latent)
    assert model.prior.seed == model.autoencoder.seed == 3
    (stage,) = zoo.find_recipe("vae_digits").plan
    assert (stage.epochs, stage.build(0).latent.shape) == (100, (6,))
    with pytest.raises(TypeError, match="build and epochs, or stages"):
        Recipe(family="VAE", parameters=1, epochs=3, **FACTS)
    with pytest.raises(ValueError, match="distinct names, received .'prior', 'prior'"):
        Recipe(stages=STAGES[1:] * 2, family="VAE", parameters=1, **FACTS)


@pytest.mark.parametrize("text", ["", "a", "3,", "3,b", "-3", "1.5"])
def test_the_command_line_takes_one_number_or_one_for_each_stage(text):
    assert cli._epochs("20") == [20]
    assert cli._epochs("20,50") == [20, 50]
    with pytest.raises(UsageError, match="--epochs must be an integer such as 10, or"):
        cli._epochs(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "after", [6, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 8))]
)
def test_a_killed_run_of_two_stages_resumes_to_the_same_weights(tmp_path, after):
    whole, out = tmp_path / "whole", tmp_path / "run"
    process = start(PROGRAM, "latent_diffusion_digits", out)
    while not (out / f"checkpoint/epoch-{after}").exists():
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.002)
    kill(process)
    assert not (out / "model.keras").exists()
    for folder, *options in ([out, "--resume"], [whole]):
        _, error = start(
            PROGRAM, "latent_diffusion_digits", folder, *options
        ).communicate()
        assert (folder / "model.keras").exists(), error.decode()
    assert_equal_runs(whole, out)
