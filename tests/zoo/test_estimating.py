"""The time of a run, measured before it starts, without a trace in the result."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_gen.specs import Vectors
from keras_gen.zoo import estimating, store
from keras_gen.zoo.estimating import Pace
from keras_gen.zoo.recipe import UsageError, find

from .runs import assert_equal_runs, train

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)
GIB = 2**30


def test_an_estimate_is_said_in_one_line():
    assert estimating.words(Pace(0.004, 1500, 1.0, 3 * GIB // 2), 20) == (
        "an epoch takes about 7.0 s (1,500 steps of 4.0 ms), 20 epochs 2 min; memory: "
        "about 1.5 GiB"
    )
    line = estimating.words(Pace(2.5, 4, 0.0, None), 1000)
    assert line.endswith("1,000 epochs 2.8 h")
    assert [estimating.duration(s) for s in (0.51, 61, 600)] == [
        "0.5 s",
        "61 s",
        "10 min",
    ]


def test_steps_that_are_timed_leave_no_trace():
    model = find("gan").pinned(Vectors(3), None, "tiny").build(0)
    x = RNG.normal(7, 3, (50, 3)).astype("float32")
    model._prepare(x, None)
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(v) for v in variables]
    examples = {"x": x, "validation_data": (x[:9], None), "batch_size": 8}
    pace = estimating.measure(model, examples, 8, (50, 9))
    assert pace.steps == 7
    assert 0 < pace.step < pace.epoch
    assert pace.memory > 2**27
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    assert model.training_steps == 0
    assert [*(v.name for v in variables)] == [
        *(v.name for v in (*model.variables, *model.optimizer.variables))
    ]


def data_of(kind, tmp_path):
    """A few data of some kind, and a preset that takes them."""
    path = tmp_path / "data"
    if kind == "text":
        path = path.with_suffix(".txt")
        path.write_text("the cat sat on the mat, and the dog sat on it.\n" * 60)
        return "lstm", path
    if kind == "folder":
        for name in ("cat", "dog"):
            (path / name).mkdir(parents=True)
            for i in range(12):
                pixels = RNG.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(path / name / f"{i}.png")
        return "vae", path
    path = path.with_suffix(".npy")
    np.save(path, RNG.normal(size=(90, 3)).astype("float32"))
    return {"vectors": "diffusion", "players": "gan"}[kind], path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vectors", "players", "text", "folder"])
def test_a_run_is_the_same_with_an_estimate(kind, tmp_path, capsys):
    name, path = data_of(kind, tmp_path)
    how = {"data": path, "size": "tiny", "batch_size": 8, "epochs": 2}
    train(name, tmp_path / "a", **how)
    capsys.readouterr()
    train(name, tmp_path / "b", estimate=True, **how)
    assert "an epoch takes about " in capsys.readouterr().out
    assert_equal_runs(tmp_path / "a", tmp_path / "b")


@pytest.mark.slow
def test_minutes_become_epochs(tmp_path, monkeypatch, capsys):
    _, path = data_of("vectors", tmp_path)
    pace = Pace(0.5, 6, 0.0, None)
    monkeypatch.setattr(estimating, "measure", lambda *_: pace)
    how = {"data": path, "size": "tiny", "batch_size": 16}
    train("vae", tmp_path / "a", minutes=0.11, **how)
    assert "6 steps of 500 ms), 2 epochs 6.0 s" in capsys.readouterr().out
    settings = json.loads((tmp_path / "a/recipe.json").read_text())
    assert settings["epochs"] == 2
    assert settings["minutes"] == 0.11
    assert settings["steps"] == 12  # over which the learning rate falls
    train("vae", tmp_path / "b", epochs=2, **how)
    assert_equal_runs(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / store.MODEL).unlink()
    with pytest.raises(UsageError, match=r"has minutes=0.11, received 2.0"):
        train("vae", tmp_path / "a", minutes=2, resume=True)


def test_a_run_that_takes_longer_than_asked_is_announced(monkeypatch):
    recipe = find("vae_digits")
    monkeypatch.setattr(estimating, "paces_of", lambda *_: [Pace(0.5, 60, 0.0, None)])
    settings = {"minutes": 0.1}
    with pytest.warns(UserWarning, match=r"about 30 s, longer than the 0\.1 minutes"):
        estimating.choose_epochs(recipe, None, settings, {})
    assert settings["epochs"] == 1
    settings["minutes"] = 0.4  # 24 s: a whole epoch is near
    estimating.choose_epochs(recipe, None, settings, {})


@pytest.mark.slow
def test_minutes_of_stages_keep_their_ratio(tmp_path, monkeypatch):
    paces = iter([Pace(0.1, 10, 0, None), Pace(0.2, 10, 0, None)])
    monkeypatch.setattr(estimating, "measure", lambda *_: next(paces))
    plan = find("latent_diffusion_digits").plan
    seconds = plan[0].epochs + 2 * plan[1].epochs
    out = tmp_path / "run"
    train("latent_diffusion_digits", out, minutes=seconds / 60 / 100)
    epochs = json.loads((out / "recipe.json").read_text())["epochs"]
    assert epochs == [round(stage.epochs / 100) for stage in plan]


def test_wrong_minutes_are_refused(tmp_path):
    for how, words in {
        "both": ({"minutes": 1, "epochs": 2}, "epochs or minutes, received both"),
        "none": ({"minutes": 0}, "minutes must be above 0, received 0"),
        "many": ({"minutes": 1, "strategy": "mirrored"}, "on one device only"),
    }.values():
        with pytest.raises(UsageError, match=words):
            train("vae_digits", tmp_path / "run", **how)
