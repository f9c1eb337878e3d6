"""Models of one's own, as docs/extending.md prints them, learn what they should."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_gen.engine import loop

DOCS = Path(__file__).parent.parent / "docs"
RNG = np.random.default_rng(0)


def example(words: str, page: str = "extending") -> str:
    """The one example of a page that contains the words."""
    text = (DOCS / f"{page}.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (found,) = [block for block in blocks if words in block]
    return found


def networks():
    """A painter, and a judge with batch normalization and dropout."""
    sketch, pair = keras.Input((16, 16, 1)), keras.Input((16, 16, 4))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(pair))
    judge = keras.Model(pair, layers.Conv2D(1, 3)(layers.Dropout(0.3)(x)))
    painted = layers.Conv2D(3, 3, padding="same", activation="tanh")(sketch)
    return keras.Model(sketch, painted), judge


@pytest.fixture(scope="module")
def names():
    """The names that the examples define, the first with few epochs."""
    sketches = RNG.random((64, 16, 16, 1), np.float32)
    painter, judge = networks()
    names = {"painter": painter, "judge": judge, "sketches": sketches}
    names["paintings"] = np.repeat(sketches, 3, axis=-1)
    exec(example("class Pix2Pix").replace("epochs=1", "epochs=2"), names)  # noqa: S102
    exec(example("class MomentMatching"), names)  # noqa: S102
    return names


def test_both_networks_of_pix2pix_learn_and_normalize(names):
    model = names["model"]
    assert model.translate(names["sketches"][:8]).shape == (8, 16, 16, 3)
    norm = names["judge"].layers[2]
    assert np.abs(norm.moving_mean.numpy()).min() > 0
    terms = {"judge_loss", "painter_loss", "l1"}
    assert terms <= set(model.history.history)


def test_matched_moments_are_those_of_the_data(names):
    network = keras.Sequential(
        [keras.Input((4,)), layers.Dense(64, "relu"), layers.Dense(2)]
    )
    model = names["MomentMatching"](network, seed=0)
    model.compile()
    x = [10.0, -3.0] + RNG.normal(size=(2000, 2)) * [5.0, 0.1]
    losses = model.fit(x, epochs=20, batch_size=100, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    samples = model.sample(2000, seed=7)
    np.testing.assert_allclose(samples.mean(0), [10, -3], atol=1)
    np.testing.assert_allclose(samples.std(0), [5, 0.1], rtol=0.3)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(model)
    )
    assert isinstance(again, names["MomentMatching"])


def test_a_folder_of_images_is_what_fit_takes(tmp_path, monkeypatch):
    for name, grey in {"cat": 60, "dog": 180}.items():
        (tmp_path / "faces" / name).mkdir(parents=True)
        for i in range(10):
            image = Image.new("RGB", (12, 8), (grey + i, grey, grey))
            image.save(tmp_path / "faces" / name / f"{i}.png")
    monkeypatch.setattr(loop, "default_jit", lambda model: False)
    monkeypatch.chdir(tmp_path)
    code = example("faces.class_names", "tasks/own_images").replace("(16, 16", "(8, 8")
    code = code.replace("epochs=2", "epochs=1, verbose=0")
    names = {}
    exec(code, names)  # noqa: S102
    faces, model = names["faces"], names["model"]
    assert faces.class_names == ("cat", "dog")
    assert faces.notes[0].startswith("20 of 20 images are resized to 8x8, from 8x12")
    assert np.isfinite(model.history.history["val_loss"]).all()
    assert model.sample(2, condition=[0, 1]).shape == (2, 8, 8, 3)
