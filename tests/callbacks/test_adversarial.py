"""AdversarialDiagnostics: the diversity, and when it warns."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import keras_gen as kg
from keras_gen.callbacks import (
    AdversarialDiagnostics,
    default_labels,
    training_faults,
)
from keras_gen.callbacks.adversarial import mean_distance


def normal(n=100, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)


def generator(spread=1.0, **options):
    """A generator of normal vectors; `spread` may be changed."""

    def sample(num, *, seed, condition):
        return normal(num, seed + 1) * model.spread

    model = SimpleNamespace(
        name="fake",
        inputs=kg.specs.Vectors(2),
        condition=None,
        can_generate=True,
        spread=spread,
        sample=sample,
    )
    vars(model).update(options)
    return model


def diagnostics(model, examples=None, **options):
    examples = normal() if examples is None else examples
    callback = AdversarialDiagnostics(examples, **options)
    callback.set_model(model)
    callback.on_train_begin()
    return callback


def warned(callback, epoch, **logs):
    """The messages of one epoch, and the diversity."""
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        callback.on_epoch_end(epoch, logs)
    assert all(message.category is UserWarning for message in messages)
    return [str(message.message) for message in messages], logs.get("sample_diversity")


def test_the_mean_distance_is_that_of_all_pairs():
    x = normal(7).reshape((7, 1, 2))
    pairs = [np.linalg.norm(x[i] - x[j]) for i in range(7) for j in range(i)]
    assert mean_distance(x) == pytest.approx(np.mean(pairs))


def test_an_epoch_may_end_without_logs():
    callback = diagnostics(generator(0.0), num_samples=100)
    callback.on_epoch_end(0)
    with pytest.warns(UserWarning, match="the generator has collapsed"):
        callback.on_epoch_end(1)


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0, 3.0])
def test_the_diversity_is_relative_to_the_examples(spread):
    callback = diagnostics(generator(spread), num_samples=100)
    _, diversity = warned(callback, 0)
    ratio = mean_distance(normal(100, 1)) / mean_distance(normal())
    assert diversity == pytest.approx(spread * ratio)
    assert ratio == pytest.approx(1, abs=0.15)


def test_uint8_examples_are_images():
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), np.uint8)
    model = generator(
        inputs=kg.specs.Images(8, 8, 1),
        sample=lambda num, **options: images[:num] / np.float32(255),
    )
    _, diversity = warned(diagnostics(model, images), 0)
    assert diversity == pytest.approx(1, abs=1e-6)


def test_the_seed_decides():
    figures = [
        warned(diagnostics(generator(), num_samples=10, seed=seed), 0)[1]
        for seed in (0, 0, 1)
    ]
    assert figures[0] == figures[1] != figures[2]


def test_it_warns_once_until_the_generator_recovers():
    model = generator()
    callback = diagnostics(model)
    numbers = []
    for epoch, model.spread in enumerate([1, 0.1, 0.05, 0.1, 1, 0, 0]):
        messages, _ = warned(callback, epoch)
        numbers.append(len(messages))
    assert numbers == [0, 0, 1, 0, 0, 0, 1]
    callback.on_train_begin()
    assert warned(callback, 2)[0] == []
    messages, _ = warned(callback, 3)
    assert len(messages) == 1
    assert messages[0].startswith("epoch 4: the generator has collapsed")


def test_it_warns_of_a_discriminator_that_has_won():
    callback = diagnostics(generator())
    right = {"real_accuracy": 0.99, "fake_accuracy": 1.0}
    assert warned(callback, 0, **right)[0] == []
    (message,), _ = warned(callback, 1, **right, generator_gradient_norm=1.5e-6)
    for words in ("discriminator has won", "98.0%", "99.0%", "100.0%", "1.5e-06"):
        assert words in message
    assert warned(callback, 2, **right)[0] == []


def test_every_and_warn():
    callback = diagnostics(generator(0.0), freq=3, warn=False)
    found = [warned(callback, epoch) for epoch in range(6)]
    assert [messages for messages, _ in found] == [[]] * 6
    assert [diversity for _, diversity in found] == [None, None, 0, None, None, 0]


def figures(diversity=1.0, real=0.7, fake=0.7):
    return {
        "sample_diversity": diversity,
        "real_accuracy": real,
        "fake_accuracy": fake,
    }


WON = figures(1.0, 0.99, 0.985)
FAULTS = {  # figures of the evaluated epochs, options, kinds of faults
    "nothing yet": ([], {}, set()),
    "in balance": ([figures(), figures()], {}, set()),
    "collapsed": ([figures(0.1), figures(0.19)], {}, {"collapsed"}),
    "collapsed once": ([figures(), figures(0.1)], {}, set()),
    "first epoch": ([figures(0.1)], {}, set()),
    "at the limit": ([figures(0.2)] * 2, {}, set()),
    "recovered": ([figures(0.1), figures(0.5)], {}, set()),
    "lower limit": ([figures(0.19)] * 2, {"collapsed_below": 0.1}, set()),
    "won": ([WON, WON], {}, {"won"}),
    "won before": ([WON, WON, figures()], {}, set()),
    "won once": ([figures(), WON], {}, set()),
    "right about one kind": ([figures(1, 1.0, 0.5)] * 2, {}, set()),
    "at its limit": ([figures(1, 0.98, 0.98)] * 2, {}, set()),
    "critic": ([figures(1, 1.0, 1.0)] * 2, {"won_above": 1}, set()),
    "both": ([figures(0.0, 1.0, 1.0)] * 2, {}, {"collapsed", "won"}),
    "no accuracies": ([{"sample_diversity": 0.5}] * 2, {}, set()),
    "one accuracy": ([{"real_accuracy": 1.0}] * 2, {}, set()),
    "the other": ([{"fake_accuracy": 1.0}] * 2, {}, set()),
    "not a number": ([figures(np.nan, np.nan, 1.0)] * 2, {}, set()),
}


@pytest.mark.parametrize(("evaluated", "options", "kinds"), FAULTS.values(), ids=FAULTS)
def test_faults_follow_from_the_figures(evaluated, options, kinds):
    assert set(training_faults(evaluated, **options)) == kinds


def test_one_sample_per_class_is_a_collapse():
    def sample(num, *, seed, condition):
        return normal(10, 5)[condition]

    model = generator(condition=kg.specs.Classes(10), sample=sample)
    callback = diagnostics(model)
    assert warned(callback, 0) == ([], 0)
    messages, _ = warned(callback, 1)
    assert "has collapsed" in messages[0]


@pytest.mark.filterwarnings("ignore:.*collapsed")
def test_fit_adds_the_diversity_to_the_history(make_case):
    case = make_case("conditional_vae")
    model = case.make()
    callback = AdversarialDiagnostics(case.x, num_samples=37, seed=2, freq=2)
    history = model.fit(case.x, case.y, epochs=4, verbose=0, callbacks=[callback])
    samples = model.sample(30, seed=2, condition=default_labels(model, 30))
    rows = np.random.default_rng(2).choice(len(case.x), 30, replace=False)
    within = np.mean([mean_distance(samples[label::10]) for label in range(10)])
    expected = within / mean_distance(case.x[rows])
    assert len(history.history["sample_diversity"]) == 2
    assert history.history["sample_diversity"][-1] == pytest.approx(expected, rel=1e-5)


REFUSED = {
    "samples": ({"num_samples": 0}, {}, "num_samples must be > 0"),
    "freq": ({"freq": 0.5}, {}, "freq must be an integer"),
    "collapsed": ({"collapsed_below": 0}, {}, "collapsed_below must be > 0"),
    "won": ({"won_above": "0.9"}, {}, "won_above must be a number"),
    "one": ({"num_samples": 1}, {}, "num_samples must be >= 2"),
    "of a class": (
        {"num_samples": 19},
        {"condition": kg.specs.Classes(10)},
        "num_samples must be >= 20, two per class",
    ),
    "few": ({"num_samples": 101}, {}, "<= 100, the number of examples, received 101"),
    "same": ({"examples": np.ones((70, 2))}, {}, "examples must differ"),
    "shape": ({"examples": np.ones((70, 3))}, {}, r"examples must have .*\(70, 3\)"),
    "not ready": ({}, {"can_generate": False}, "fake cannot generate"),
}


@pytest.mark.parametrize(("options", "model", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_diagnosed_is_refused_before_training(options, model, message):
    with pytest.raises(ValueError, match=message):
        diagnostics(generator(**model), **options)
