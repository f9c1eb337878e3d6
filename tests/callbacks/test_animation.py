"""SampleAnimation: which frames it takes, keeps, and goes on with."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen.callbacks import SampleAnimation, default_labels
from keras_gen.pictures import (
    image_grid,
    paletted,
    point_cloud,
    read_animation,
    save_animation,
)
from keras_gen.specs import num_classes


class Grey:
    """A generator whose samples are as bright as the epoch."""

    name, condition, can_generate = "grey", None, True

    def __init__(self, shape=(8, 8, 1)):
        self.inputs, self.epoch = kg.specs.of_shape(shape), 0

    def sample(self, num, *, seed, condition):
        shape = (num, *self.inputs.shape)
        noise = np.random.default_rng(seed).random(shape, np.float32) / 100
        return noise + self.epoch / 250

    def train(self, callback, first, last, *, ends=True):
        callback.set_model(self)
        callback.on_train_begin()
        for self.epoch in range(first, last):
            callback.on_epoch_begin(self.epoch)
            self.epoch += 1
            callback.on_epoch_end(self.epoch - 1, {})
        if ends:
            callback.on_train_end()

    def picture(self, epoch, num=4, seed=0):
        self.epoch = epoch
        return image_grid(self.sample(num, seed=seed, condition=None))


def animation(path, **options):
    return SampleAnimation(path, **{"num_samples": 4, **options})


def epochs(path):
    pictures, comment = read_animation(path)
    taken = json.loads(comment)["epochs"]
    assert len(pictures) == len(taken)
    return taken


def assert_frames(path, expected, model):
    pictures, _ = read_animation(path)
    assert epochs(path) == expected
    for epoch, picture in zip(expected, pictures, strict=True):
        np.testing.assert_array_equal(picture, model.picture(epoch))


FRAMES = {  # epochs, options, and after how many epochs there are frames
    "each": (4, {}, [0, 1, 2, 3, 4]),
    "every second": (4, {"freq": 2}, [0, 2, 4]),
    "the last too": (5, {"freq": 2}, [0, 2, 4, 5]),
    "thinned": (10, {"max_frames": 4}, [0, 4, 8, 10]),
    "odd": (7, {"max_frames": 3}, [0, 4, 7]),
    "both": (24, {"max_frames": 4, "freq": 3}, [0, 12, 24]),
    "two": (9, {"max_frames": 2}, [0, 9]),
}


@pytest.mark.parametrize(("num", "options", "expected"), FRAMES.values(), ids=FRAMES)
def test_frames_are_those_of_the_epochs(num, options, expected, tmp_path):
    model = Grey()
    model.train(animation(tmp_path / "a.gif", **options), 0, num)
    assert_frames(tmp_path / "a.gif", expected, model)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("first", [1, 7, 12, 33])
def test_a_training_that_goes_on_ends_with_the_same_frames(first, tmp_path):
    options = {"max_frames": 10, "freq": 2}
    whole, parts = tmp_path / "whole.gif", tmp_path / "parts.gif"
    Grey().train(animation(whole, **options), 0, 40)
    Grey().train(animation(parts, **options), 0, first, ends=False)
    Grey().train(animation(parts, **options), first, 40)
    np.testing.assert_equal(read_animation(parts), read_animation(whole))


def test_frames_after_the_first_epoch_are_taken_anew(tmp_path):
    path, model = tmp_path / "a.gif", Grey()
    model.train(animation(path), 0, 6)
    model.train(animation(path), 3, 5)
    assert_frames(path, [0, 1, 2, 3, 4, 5], model)


def test_an_interrupted_training_leaves_nearly_all_frames(tmp_path):
    path, model = tmp_path / "a.gif", Grey()
    for num in (1, 5, 19, 37):
        model.train(animation(path), 0, num, ends=False)
        taken = epochs(path)
        assert taken == list(range(len(taken)))
        assert len(taken) >= 0.9 * (num + 1)


FOREIGN = {
    "text": lambda path: path.write_text("no picture"),
    "another animation": lambda path: save_animation(path, np.zeros((2, 4, 8, 8, 1))),
    "other pictures": lambda path: Grey().train(animation(path, num_samples=9), 0, 3),
}


@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_another_file_is_replaced(write, tmp_path):
    path, model = tmp_path / "a.gif", Grey()
    write(path)
    model.train(animation(path), 2, 4)
    assert_frames(path, [2, 3, 4], model)
    write(path)
    model.train(animation(path), 0, 1)
    assert_frames(path, [0, 1], model)


def test_samples_that_do_not_change_have_their_frames(tmp_path):
    path, model = tmp_path / "a.gif", Grey()
    model.sample = lambda num, **options: np.ones((num, 8, 8, 1))
    model.train(animation(path), 0, 5)
    model.train(animation(path), 5, 7)
    assert epochs(path) == list(range(8))


def test_points_are_drawn_on_the_axes_of_the_examples(tmp_path):
    examples = np.random.default_rng(0).normal(size=(50, 2))
    model = Grey((2,))
    path = tmp_path / "a.gif"
    model.train(animation(path, examples=examples), 0, 2)
    pictures, _ = read_animation(path)
    assert epochs(path) == [0, 1, 2]
    for model.epoch, picture in enumerate(pictures):
        samples = model.sample(4, seed=0, condition=None)
        expected = point_cloud(samples, examples)
        np.testing.assert_array_equal(picture, expected)
    far = point_cloud(samples + 1e6, examples)
    near = point_cloud(examples[:4], examples)
    assert (far == near).mean() > 0.99, "the axes are the same"
    assert (near != far).any()


@pytest.mark.parametrize(
    "name", [pytest.param("dense_vae", marks=pytest.mark.slow), "conditional_vae"]
)
def test_fit_shows_the_same_noise_before_and_after(name, make_case, tmp_path):
    case, path = make_case(name), tmp_path / "a.gif"
    model = case.make()
    num = 20

    def picture():
        samples = model.sample(num, seed=5, condition=default_labels(model, num))
        return image_grid(samples, num_classes(model.condition))

    expected = [picture()]
    fit = {"x": case.x, "y": case.y, "verbose": 0}
    options = {"num_samples": num, "seed": 5}
    for epoch in range(2):
        model.fit(
            **fit,
            epochs=epoch + 1,
            initial_epoch=epoch,
            callbacks=[animation(path, **options)],
        )
        expected.append(picture())
    pictures, _ = read_animation(path)
    np.testing.assert_array_equal(pictures, expected)
    assert not np.array_equal(pictures[0], pictures[2])


def test_the_animation_does_not_change_the_training(
    make_case, tmp_path, assert_same_state
):
    case = make_case("dense_vae")
    models = [case.make(), case.make()]
    for model, callbacks in zip(
        models, ([], [animation(tmp_path / "a.gif")]), strict=True
    ):
        model.fit(case.x, epochs=2, verbose=0, callbacks=callbacks)
    assert_same_state(*models)


def test_colours_are_near(tmp_path):
    model = Grey((8, 8, 3))
    model.train(animation(tmp_path / "a.gif"), 0, 3)
    pictures, _ = read_animation(tmp_path / "a.gif")
    for epoch, picture in enumerate(pictures):
        expected = paletted(model.picture(epoch)).convert("RGB")
        np.testing.assert_array_equal(picture, np.asarray(expected))


REFUSED = {
    "freq": ({"freq": 0}, {}, "freq must be > 0"),
    "samples": ({"num_samples": 0}, {}, "num_samples must be > 0"),
    "frames": ({"max_frames": 1}, {}, "max_frames must be >= 2"),
    "not ready": ({}, {"can_generate": False}, "fake cannot generate"),
    "channels": ({}, {"inputs": (8, 8, 2)}, r"received data of shape \(8, 8, 2\)"),
    "no examples": ({}, {"inputs": (2,)}, "and no examples"),
    "vectors": (
        {"examples": np.zeros((3, 6))},
        {"inputs": (6,)},
        r"vectors of 2 values with .* shape \(6,\) and examples",
    ),
    "examples": (
        {"examples": np.zeros((3, 6))},
        {"inputs": (2,)},
        r"examples must have shape \(batch, 2\)",
    ),
}


@pytest.mark.parametrize(("options", "model", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused_before_training(
    options, model, message, tmp_path
):
    fake = {"name": "fake", "can_generate": True, "inputs": (8, 8, 1), **model}
    model = SimpleNamespace(**{**fake, "inputs": kg.specs.of_shape(fake["inputs"])})
    with pytest.raises(ValueError, match=message):  # noqa: PT012
        callback = animation(tmp_path / "a.gif", **options)
        callback.set_model(model)
        callback.on_train_begin()


def test_no_epoch_writes_nothing(make_case, tmp_path):
    case = make_case("dense_vae")
    case.make().fit(
        case.x,
        epochs=1,
        initial_epoch=1,
        verbose=0,
        callbacks=[animation(tmp_path / "a.gif")],
    )
    assert list(tmp_path.iterdir()) == []
    assert issubclass(SampleAnimation, keras.callbacks.Callback)
