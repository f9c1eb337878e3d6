"""Consistency models: the boundary, the exact function, distillation, few steps."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import parameterizations, samplers
from keras_gen.networks import mlp_denoiser
from keras_gen.random import RowNoise, row_seeds

from ..marks import but_slow
from .exact import PAIRS, exact_network

MEAN, DEVIATION = 0.3, 0.5
RNG = np.random.default_rng(0)
VECTORS = (MEAN + DEVIATION * RNG.normal(size=(2000, 2))).astype(np.float32)
PARAMETERIZATIONS = {
    "epsilon": parameterizations.Epsilon(),
    "v": parameterizations.V(),
    "velocity": parameterizations.Velocity(),
    "preconditioned": parameterizations.Preconditioned(),
}
OPTIONS = {"ema_decay": None, "seed": 0}


def exact(schedule="rectified flow", name="velocity", **options):
    """A model whose network knows where the flow ends."""
    parts = PAIRS[schedule], PARAMETERIZATIONS[name]
    data = {key: options.pop(key) for key in ("means",) if key in options}
    network = exact_network((2,), *parts, ends=True, **data)
    return kg.Consistency(network, *parts, **OPTIONS, **options)


def exact_teacher(schedule="rectified flow", name="velocity", **data):
    parts = PAIRS[schedule], PARAMETERIZATIONS[name]
    model = kg.Diffusion(exact_network((2,), *parts, **data), *parts, **OPTIONS)
    model.scale.initialized.assign(True)  # noqa: FBT003
    return model


def loss(model, step=-1, labels=None):
    noise = RowNoise(tf.constant(row_seeds(0, len(VECTORS))), tf.constant(step))
    x = tf.constant(VECTORS)
    return float(model.loss_terms(x, labels, noise, training=False)["loss"])


def learnt_from(teacher, **options):
    model = kg.Consistency.from_teacher(teacher, seed=0, **options)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


@functools.cache
def trained_teacher(**options):
    """A small one, after a few steps. Nothing changes it."""
    network = mlp_denoiser((2,), units=(16,), **options)
    model = kg.Diffusion(network, seed=0)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    labels = np.arange(64) % 3 if options else None
    model.fit(VECTORS[:64], labels, batch_size=32, verbose=0)
    return model


@pytest.mark.parametrize("schedule", PAIRS)
@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_without_noise_it_is_the_identity(name, schedule):
    network = mlp_denoiser((2,), units=(8,))
    for weight in network.weights:
        weight.assign(RNG.normal(size=weight.shape))
    model = kg.Consistency(network, PAIRS[schedule], PARAMETERIZATIONS[name])
    found = model._denoised(VECTORS, tf.constant(1.0), tf.constant(1e-6), {})
    np.testing.assert_allclose(found, VECTORS, atol=1e-4)


@pytest.mark.parametrize("schedule", but_slow([*PAIRS], {*PAIRS} - {"cosine"}))
def test_the_loss_of_the_exact_function_goes_to_zero_with_the_gaps(schedule):
    """Heun's method is wrong by the cube of a gap, and the loss by its fourth power."""
    losses = []
    for halvings in (4, 7):
        gaps = kg.objectives.ShrinkingGaps(last=halvings)
        model = exact(schedule, gaps=gaps, teacher_scale=1.0)
        model.learn_from(exact_teacher(schedule))
        losses.append(loss(model))
    assert losses[1] < 0.002
    assert losses[0] > 10 * losses[1]


def test_the_loss_tells_a_wrong_function():
    """A diffusion model gives means, not ends of the flow."""
    gaps = kg.objectives.ShrinkingGaps(last=7)
    teacher = exact_teacher()
    parts = teacher.network, teacher.schedule, teacher.parameterization
    model = kg.Consistency(*parts, gaps=gaps, teacher_scale=1.0, **OPTIONS)
    model.learn_from(teacher)
    assert loss(model) > 0.02


def test_gaps_halve_in_training_and_are_small_for_held_out_examples():
    gaps, level = kg.objectives.ShrinkingGaps(100, 1, 4), tf.constant(1e6)
    steps = [0, 50, 100, 1000, -5]
    found = [float(gaps(level, tf.constant(step))) for step in steps]
    expected = [0.5, 0.5 / 2**1.5, 1 / 16, 1 / 16, 1 / 16]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert float(gaps(tf.constant(0.0), tf.constant(0))) == 1
    np.testing.assert_allclose(gaps(tf.constant(0.0), tf.constant(100)), 5 / 16)


def test_at_first_the_target_is_what_the_teacher_denoises():
    """As long as the gap is the whole level, up to the end of the schedule."""
    teacher = trained_teacher()
    model = learnt_from(teacher)
    x = tf.constant(VECTORS[:4])
    alpha, sigma = (tf.fill((4, 1), value) for value in (0.8, 0.6))
    nearer, *level = model._nearer(x, (x, alpha, sigma), tf.ones((4, 1)), {})
    clean = teacher._denoised(x, alpha, sigma, {})
    np.testing.assert_allclose(nearer, clean, atol=0.01)
    np.testing.assert_allclose(level[0], np.ones((4, 1)), atol=1e-5)


CASES = [(name, steps) for name in PAIRS for steps in (1, 2, 4)]
FAST = ("rectified flow", 1), ("rectified flow", 2)


@pytest.mark.parametrize(("schedule", "num_steps"), but_slow(CASES, {*CASES} - {*FAST}))
def test_few_steps_have_the_mean_and_deviation_of_the_data(schedule, num_steps):
    found = exact(schedule).sample(20_000, seed=1, num_steps=num_steps)
    np.testing.assert_allclose(found.mean(axis=0), MEAN, atol=0.02)
    np.testing.assert_allclose(found.std(axis=0), DEVIATION, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(found.T)[0, 1], 0, atol=0.03)


def test_steps_begin_at_noise_and_halve_the_angle():
    model = exact()
    program = model._program(
        samplers.Sampling(samplers.Renoising(), model.sampling.grid, 4)
    )
    angles = np.arctan2(program.sigma, program.alpha)
    np.testing.assert_allclose(angles, angles[0] * np.array([1, 0.75, 0.5, 0.25]))
    np.testing.assert_allclose(np.log(program.alpha[0] / program.sigma[0]), -4.5)
    one = model._program(samplers.Sampling(samplers.Renoising(), num_steps=1))
    assert not one.is_random


@pytest.mark.parametrize("num_steps", [1, 2])
def test_a_seed_decides_its_row_and_noise_the_sample(num_steps):
    model = learnt_from(trained_teacher(num_classes=3))
    model.sampling = model.sampling.changed(num_steps=num_steps)
    whole, seeds = model.sample(6, condition=1, seed=3), row_seeds(3, 6)
    row = model.sample_rows(seeds[4:5], condition=np.array([1]))
    np.testing.assert_allclose(row, whole[4:5], atol=1e-6)
    draws = [model._draws(tf.constant(seeds))(i).numpy() for i in range(num_steps + 1)]
    noise = draws[0] if num_steps == 1 else np.stack(draws, axis=1)
    assert noise.shape == (6, *model.noise.shape)
    found = model.generate(noise, condition=np.ones(6, int))
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_the_guidance_of_the_teacher_is_learnt():
    """On the line from no class to the class, two times as far."""
    means = (-1.0, 2.0, 0.5)
    guided = tuple(0.5 + 2 * (mean - 0.5) for mean in means)
    teacher = exact_teacher(means=means)
    gaps = kg.objectives.ShrinkingGaps(last=7)
    labels = tf.constant(np.arange(len(VECTORS)) % 2)
    losses = {}
    for scale, own in ((2.0, guided), (2.0, means), (1.0, means)):
        model = exact(means=own, gaps=gaps, teacher_scale=scale)
        model.learn_from(teacher)
        losses[scale, own] = loss(model, labels=labels)
    assert losses[2.0, guided] < 0.002
    assert losses[1.0, means] < 0.002
    assert losses[2.0, means] > 0.02
    assert not model.is_guided


def test_the_student_begins_with_the_average_of_the_teacher():
    teacher = trained_teacher()
    model = kg.Consistency.from_teacher(teacher)
    pairs = zip(model.network.weights, teacher.average.weights, strict=True)
    for own, weight in pairs:
        np.testing.assert_array_equal(own, weight)
    np.testing.assert_array_equal(model.scale.mean, teacher.scale.mean)
    assert not model.scale.needs_data
    own = {id(weight) for weight in model.weights}
    assert own.isdisjoint(id(weight) for weight in teacher.weights)


def test_training_goes_on_exactly_after_loading(tmp_path):
    teacher = trained_teacher(num_classes=3)
    labels = np.arange(64) % 3
    how = {"batch_size": 16, "verbose": 0}
    model = learnt_from(teacher, guidance_scale=1.5)
    before = [np.array(weight) for weight in teacher.weights]
    model.fit(VECTORS[:64], labels, **how)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    noise = RNG.normal(size=(5, *model.noise.shape)).astype(np.float32)
    found = (m.generate(noise, condition=labels[:5]) for m in (model, copy))
    np.testing.assert_array_equal(*found)
    with pytest.raises(ValueError, match="call learn_from"):
        copy.fit(VECTORS[:64], labels, **how)
    copy.learn_from(teacher)
    for one in (model, copy):
        one.fit(VECTORS[:64], labels, **how)
    for own, weight in zip(copy.weights, model.weights, strict=True):
        np.testing.assert_array_equal(own, weight)
    for own, weight in zip(before, teacher.weights, strict=True):
        np.testing.assert_array_equal(own, weight)


def test_the_file_does_not_hold_the_teacher(tmp_path):
    model = learnt_from(trained_teacher())
    model.save(tmp_path / "with.keras")
    model._teacher_of = lambda: None
    model.save(tmp_path / "without.keras")
    sizes = [
        (tmp_path / f"{name}.keras").stat().st_size for name in ("with", "without")
    ]
    assert sizes[0] == sizes[1]


def off_by(model):
    """The error of the result at noise, where one step begins, for Gaussian data."""
    noise = RNG.normal(size=(500, 2)).astype(np.float32)
    found = model.generate(noise, sampling=model.sampling.changed(num_steps=1))
    expected = MEAN + DEVIATION * noise
    return float(np.sqrt(np.mean((found - expected) ** 2)))


def test_training_approaches_the_exact_function():
    """From a network of a diffusion model, which gives the mean of the data there."""
    network = mlp_denoiser((2,), units=(64, 64))
    teacher = exact_teacher()
    parts = teacher.schedule, teacher.parameterization
    options = {"teacher_scale": 1.0, "seed": 0, "ema_decay": 0.9}
    model = kg.Consistency(network, *parts, **options)
    model.learn_from(teacher)
    assert off_by(model) > 0.4
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(VECTORS, batch_size=100, epochs=20, verbose=0)
    assert off_by(model) < 0.15


REFUSED = {
    "example as output": (
        lambda: exact_of(parameterizations.X0()),
        ValueError,
        "the identity without noise.*received X0",
    ),
    "solver": (
        lambda: exact().sample(1, solver="heun"),
        ValueError,
        r"solver must be samplers.Renoising\(\)",
    ),
    "solver of the model": (
        lambda: exact(sampling=samplers.Sampling("ddim")),
        ValueError,
        r"solver must be samplers.Renoising\(\)",
    ),
    "teacher": (
        lambda: kg.Consistency.from_teacher(exact()),
        TypeError,
        "teacher must be a Diffusion",
    ),
    "another schedule": (
        lambda: exact(teacher_scale=1.0).learn_from(exact_teacher("cosine")),
        ValueError,
        "teacher must have schedule=RectifiedFlow.*received Cosine",
    ),
    "other data": (
        lambda: exact(teacher_scale=1.0).learn_from(exact_teacher(means=(1.0, 2.0))),
        ValueError,
        "teacher must have condition=None",
    ),
    "guidance": (
        lambda: kg.Consistency.from_teacher(untrained(), guidance_scale=2.0),
        ValueError,
        "guidance_scale requires a conditional model",
    ),
    "untrained": (
        lambda: kg.Consistency.from_teacher(untrained()),
        ValueError,
        "teacher must be trained",
    ),
    "no scale": (
        lambda: exact().learn_from(exact_teacher()),
        ValueError,
        "built to learn without a teacher",
    ),
    "no teacher": (
        lambda: loss(exact(teacher_scale=1.0)),
        ValueError,
        "call learn_from",
    ),
    "gaps": (lambda: exact(gaps=3), TypeError, "gaps must be a ShrinkingGaps"),
    "last gap": (
        lambda: kg.objectives.ShrinkingGaps(last=-1),
        ValueError,
        "last must be >= 0",
    ),
    "grid": (lambda: samplers.Angles("low"), TypeError, "lowest must be"),
}


def untrained():
    return kg.Diffusion(mlp_denoiser((2,), units=(4,)))


def exact_of(parameterization):
    network = exact_network((2,), PAIRS["cosine"], parameterization, ends=True)
    return kg.Consistency(network, parameterization=parameterization)


@pytest.mark.parametrize(("act", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(act, kind, message):
    with pytest.raises(kind, match=message):
        act()
