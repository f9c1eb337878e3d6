"""Distillation: a run of a model of few steps from a run of a diffusion model."""

import json

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.engine.internals import names_kept
from keras_gen.zoo import distilling, store, teaching
from keras_gen.zoo.optimizing import Cosine
from keras_gen.zoo.recipe import UsageError

from .runs import assert_equal_runs, interrupted, train

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)


def distill(*args, **options):
    with names_kept():
        return distilling.distill(*args, **options)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A run of flow matching with two classes, guided."""
    folder = tmp_path_factory.mktemp("teacher")
    x = RNG.normal(size=(60, 3)).astype("float32") + 5
    np.savez(folder / "x.npz", x=x, y=np.arange(60) % 2)
    how = {"data": folder / "x.npz", "size": "tiny", "epochs": 1}
    how["settings"] = {"units": (8,), "guidance_scale": 1.5}
    train("diffusion", folder / "run", **how)
    return folder / "run"


@pytest.mark.slow
def test_a_run_is_distilled_and_resumes_exactly(teacher, tmp_path, run):
    model = distill(teacher, tmp_path / "whole", steps=1, epochs=2)
    assert isinstance(model, kg.Consistency)
    assert model.teacher_scale == 1.5
    settings = json.loads((tmp_path / "whole/recipe.json").read_text())
    assert settings["recipe"] == "consistency"
    assert settings["teacher"] == str(teacher)
    assert settings["teacher_scale"] == 1.5
    assert settings["settings"] == {"num_steps": 1, "learning_rate": 3e-4}
    assert settings["data"] == str(teacher.parent / "x.npz")
    assert "size" not in settings
    for at in (0, 1):  # before there is a checkpoint, and after
        out = tmp_path / f"cut{at}"
        with interrupted(at):
            distill(teacher, out, steps=1, epochs=2)
        distill(teacher, out, resume=True)
        assert_equal_runs(tmp_path / "whole", out)
    (out / store.MODEL).unlink()
    with pytest.raises(UsageError, match=r"has settings|num_steps=1, received 4"):
        distill(teacher, out, steps=4, resume=True)
    moved = teacher.rename(teacher.with_name("moved"))
    loaded = zoo.load(tmp_path / "whole")  # and used without its teacher
    found = loaded.sample(4, condition=[0, 1, 0, 1], seed=3)
    np.testing.assert_array_equal(found, model.sample(4, condition=[0, 1] * 2, seed=3))
    folder = tmp_path / "whole"
    for command in (
        ("sample", folder, "--out", tmp_path / "x.npy", "--num-steps", "4"),
        ("evaluate", folder, "--json"),
        ("report", folder),
    ):
        status, _, error = run(*command)
        assert not status, error
    status, _, error = run(
        "sample", folder, "--out", tmp_path / "y.npy", "--solver", "heun"
    )
    assert status
    assert "solver must be samplers.Renoising()" in error
    moved.rename(teacher)


@pytest.mark.slow
def test_what_cannot_be_distilled_is_refused(teacher, tmp_path):
    with pytest.raises(UsageError, match="distill takes a diffusion model.*: VAE"):
        distill("vae_digits", tmp_path / "out")
    with pytest.raises(UsageError, match="guidance_scale requires a teacher that can"):
        distill("flow_matching_digits", tmp_path / "out", guidance_scale=2.0)
    with pytest.raises(UsageError, match="steps must be at least 1, received 0"):
        distill(teacher, tmp_path / "out", steps=0)
    with pytest.raises(UsageError, match="teacher is for the preset consistency"):
        train("vae", tmp_path / "out", teacher=teacher, data="digits")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_recipe_may_have_a_teacher():
    rate = Cosine(1e-3, 20)
    facts = {"data": "digits", "epochs": 1, "parameters": 594_465, "source": "none"}
    recipe = teaching.distilled_recipe(
        "conditional_diffusion_digits", rate=rate, expected={}, results={}, **facts
    )
    model, teacher = recipe.build(7), zoo.load(recipe.teacher)
    assert model.seed == 7
    assert model.teacher_scale == teacher.guidance_scale
    assert model.count_params() > recipe.parameters
    noise = RNG.normal(size=(2, *model.noise.shape)).astype("float32")
    assert model.generate(noise, condition=[1, 2]).shape == (2, 8, 8, 1)
