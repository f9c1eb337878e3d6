"""Pictures of densities and of the maps of flows: the mathematics that they show."""

import random

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import keras_gen as kg
from keras_gen.bijectors import InvertibleLinear, Permutation, Standardization
from keras_gen.callbacks import SampleAnimation, SampleGrid, picture_of
from keras_gen.capabilities import Scores
from keras_gen.pictures import (
    bent_grid,
    bent_lines,
    density_map,
    density_on_grid,
    layer_frames,
    layer_positions,
    read_animation,
    save_animation,
)
from keras_gen.pictures.flows import base_noise
from keras_gen.zoo import data, sample, store, watching

MEAN, STDDEV = np.array([1.0, -2.0]), np.array([0.5, 2.0])
LOW, HIGH = MEAN - 7 * STDDEV, MEAN + 7 * STDDEV
TITLE = 30  # rows of pixels that hold a title


def flow(*bijectors, **options):
    return kg.Flow(bijectors, (2,), seed=0, **options)


def gaussian(**options):
    """A normal density of known mean and standard deviations."""
    scaling = Standardization()
    model = flow(scaling, **options)
    scaling.mean.assign(MEAN)
    scaling.log_scale.assign(np.log(STDDEV))
    return model


def affine():
    """A flow `x = mean + stddev * (z @ matrix)`, and its matrix."""
    scaling, linear = Standardization(), InvertibleLinear(seed=1)
    model = flow(scaling, linear)
    scaling.mean.assign(MEAN)
    scaling.log_scale.assign(np.log(STDDEV))
    linear.lower.assign(linear.lower + 0.4)
    linear.log_diagonal.assign(linear.log_diagonal + [0.3, -0.2])
    return model, np.linalg.inv(linear.matrix()[0].numpy())


def spline(**options):
    """A bent flow, its weights away from those of the identity."""
    random.seed(0)
    model = flow(*kg.bijectors.neural_spline(2, units=(8,)), **options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign_add(rng.normal(size=weight.shape) / 5)
    return model


class TwoClasses(Scores):
    """Normal densities around -1 and 1, without a model."""

    name, inputs, condition = "two", kg.specs.Vectors(2), kg.specs.Classes(2)

    def log_prob(self, x, *, condition=None):
        centres = np.float64([[-1, 0], [1, 0]])[condition]
        return -0.5 * np.sum((x - centres) ** 2, axis=-1) - np.log(2 * np.pi)


def test_the_density_on_a_grid_is_that_of_the_cells_and_sums_to_one():
    resolution = 80
    density = density_on_grid(gaussian(), LOW, HIGH, resolution)
    shares = (np.arange(resolution) + 0.5) / resolution
    x, y = (LOW[i] + shares * (HIGH[i] - LOW[i]) for i in (0, 1))
    normal = multivariate_normal(MEAN, np.diag(STDDEV**2))
    expected = [[normal.pdf((a, b)) for a in x] for b in y]
    np.testing.assert_allclose(density, expected, rtol=1e-4, atol=1e-12)
    cell = np.prod((HIGH - LOW) / resolution)
    assert abs(density.sum() * cell - 1) < 1e-5


def test_the_density_of_a_bent_flow_sums_to_one():
    model = spline()
    density = density_on_grid(model, (-12, -12), (12, 12), 300)
    assert abs(density.sum() * (24 / 300) ** 2 - 1) < 1e-3


def test_classes_are_mixed_in_equal_parts():
    low, high = (-4, -4), (4, 4)
    mixed = density_on_grid(TwoClasses(), low, high, 20)
    each = [density_on_grid(TwoClasses(), low, high, 20, condition=k) for k in (0, 1)]
    np.testing.assert_allclose(mixed, np.mean(each, axis=0))
    np.testing.assert_allclose(each[0], each[1][:, ::-1])
    assert each[0][:, :10].sum() > 5 * each[0][:, 10:].sum(), "class 0 is on the left"
    thrice = density_on_grid(TwoClasses(), low, high, 20, condition=[0, 0, 1])
    np.testing.assert_allclose(thrice, (2 * each[0] + each[1]) / 3)


def test_the_heat_map_is_brightest_at_the_mode_and_black_far_away():
    share = np.array([0.3, 0.75])  # where the mean lies between the ends of the axes
    low = MEAN - share * 8 * STDDEV
    corners = np.stack([low, low + 8 * STDDEV])
    inner = corners.mean(axis=0) + (corners - corners.mean(axis=0)) / 1.2  # the margin
    picture = density_map(gaussian(), inner)
    assert picture.dtype == np.uint8
    assert picture.shape == (400, 800, 3)
    magma = matplotlib.colormaps["magma"]
    dark, bright = (np.int32(magma(end, bytes=True)[:3]) for end in (0.0, 1.0))
    panel = picture[TITLE:, :400].astype(int)
    area = np.argwhere((panel == dark).all(axis=-1))
    top, left = area.min(axis=0)
    bottom, right = area.max(axis=0)
    y, x = np.argwhere(np.abs(panel - bright).max(axis=-1) < 12).mean(axis=0)
    found = (x - left) / (right - left), (bottom - y) / (bottom - top)
    np.testing.assert_allclose(found, share, atol=0.015)


def test_the_panels_of_points_show_those_points():
    model, points = gaussian(), MEAN + STDDEV * [[-3, -3], [3, 3], [0, 0]]
    both = density_map(model, points, points[:2])
    data_panel, sample_panel = (both[TITLE:, i : i + 400] for i in (400, 800))
    changed = np.argwhere((data_panel != sample_panel).any(axis=-1))
    assert len(changed)
    assert np.ptp(changed, axis=0).max() < 10, "the point in the middle is missing"
    alone = density_map(model, samples=points)
    np.testing.assert_array_equal(
        alone[TITLE:], density_map(model, examples=points)[TITLE:]
    )


def test_an_affine_flow_keeps_lines_straight_and_puts_them_in_place():
    model, matrix = affine()
    bent = bent_lines(model, extent=2.0, lines=5)
    assert bent.shape[0] == 10
    assert bent.shape[2] == 2
    ends = np.linspace(-2, 2, 5)
    along = np.linspace(-2, 2, bent.shape[1])
    for i, end in enumerate(ends):
        vertical = np.stack([0 * along + end, along], axis=1)
        for line, z in ((bent[i], vertical), (bent[5 + i], vertical[:, ::-1])):
            expected = MEAN + STDDEV * (z @ matrix)
            np.testing.assert_allclose(line, expected, atol=1e-4)
    steps = np.diff(bent, axis=1)
    turns = steps[:, 1:, 0] * steps[:, :-1, 1] - steps[:, 1:, 1] * steps[:, :-1, 0]
    assert np.abs(turns).max() < 1e-6
    assert np.abs(steps.mean(axis=1)).min() > 1e-4, "no line is parallel to an axis"


def test_a_bent_flow_bends_lines():
    steps = np.diff(bent_lines(spline()), axis=1)
    turns = steps[:, 1:, 0] * steps[:, :-1, 1] - steps[:, 1:, 1] * steps[:, :-1, 0]
    assert np.abs(turns).max() > 1e-4


def straight_lines(panel, colour):
    """Columns and rows of pixels that hold a line of nearly their whole length."""
    colour = np.round(np.array(matplotlib.colors.to_rgb(colour)) * 255)
    near = np.abs(panel - colour).max(axis=-1) < 60
    groups = []
    for shares in (near.mean(axis=0), near.mean(axis=1)):
        full = np.concatenate([[False], shares > 0.5])
        groups.append(int((full[1:] & ~full[:-1]).sum()))
    return groups


def test_the_grid_of_a_permutation_has_its_lines_exchanged():
    picture = bent_grid(flow(Permutation("reverse")), lines=7)
    assert picture.shape == (400, 800, 3)
    latent, decoded = picture[:, :400], picture[:, 400:]
    assert straight_lines(latent, "tab:blue") == [7, 0]
    assert straight_lines(latent, "tab:orange") == [0, 7]
    assert straight_lines(decoded, "tab:blue") == [0, 7]
    assert straight_lines(decoded, "tab:orange") == [7, 0]
    examples = np.random.default_rng(0).normal(size=(50, 2))
    with_examples = bent_grid(flow(Permutation("reverse")), examples, lines=7)
    grey = np.round(0.8 * 255)
    for panel in (with_examples[:, :400], with_examples[:, 400:]):
        assert ((panel == grey).all(axis=-1)).sum() > 100


def test_layers_lead_from_the_base_noise_to_the_samples():
    model, num = spline(), 40
    z = base_noise(model, num, seed=3)
    seeds = kg.random.row_seeds(3, num)
    np.testing.assert_array_equal(z, kg.random.normal(seeds, model.noise.shape))
    places = layer_positions(model, z)
    assert len(places) == 1 + len(model.bijectors)
    np.testing.assert_array_equal(places[0], z)
    np.testing.assert_allclose(places[-1], model.sample(num, seed=3), atol=1e-5)
    for i, bijector in enumerate(reversed(model.bijectors)):
        before = bijector(places[i + 1]).numpy()
        np.testing.assert_allclose(before, places[i], atol=1e-4)
        assert np.abs(places[i + 1] - places[i]).max() > (1e-3 if i < 4 else -1)


def test_layers_of_conditional_flows_see_their_class_or_context():
    for condition, given in (
        (kg.specs.Classes(3), {"condition": 2}),
        (kg.specs.Vectors(2), {"condition": [0.5, -1.0]}),
    ):
        model = spline(condition=condition)
        z = base_noise(model, 20, seed=0)
        samples = model.sample(20, seed=0, **given)
        np.testing.assert_allclose(
            layer_positions(model, z, **given)[-1], samples, atol=1e-5
        )
        with pytest.raises(ValueError, match="labels|context"):
            layer_positions(model, z)


def test_frames_begin_with_the_noise_and_end_with_the_last_layer(tmp_path):
    twice = flow(Permutation("reverse"), Permutation("reverse"))
    frames = layer_frames(twice, num_samples=30, steps=3)
    assert len(frames) == 1 + 3 * 2
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {
        ((400, 400, 3), "uint8")
    }
    below = [frame[TITLE:] for frame in frames]
    np.testing.assert_array_equal(below[0], below[-1])
    assert (below[0] != below[3]).any(), "after one permutation the plane is mirrored"
    other = layer_frames(spline(), num_samples=30, steps=1)
    np.testing.assert_array_equal(other[0], frames[0])
    assert (other[-1][TITLE:] != below[0]).any()
    save_animation(tmp_path / "layers.gif", frames)
    pictures, _ = read_animation(tmp_path / "layers.gif")
    assert len(pictures) == len(frames)
    errors = np.abs(np.subtract(pictures, frames, dtype=int))
    assert errors.mean() < 2


def test_pictures_leave_no_figure_in_matplotlib():
    density_map(gaussian(), MEAN + [[-1, -1], [1, 1]])
    bent_grid(gaussian())
    assert plt.get_fignums() == []


class Vectors(TwoClasses):
    """A density that is not of the plane."""

    name, inputs = "vectors", kg.specs.Vectors(3)


def no_density():
    encoder, decoder = kg.networks.mlp_vae((2,), 2, units=(4,))
    return kg.VAE(encoder, decoder, likelihood=kg.Gaussian(1.0, unit_interval=False))


REFUSED = {
    "no density": (
        lambda: density_on_grid(no_density(), LOW, HIGH),
        TypeError,
        "model must be a Scores",
    ),
    "three values": (
        lambda: density_on_grid(Vectors(), LOW, HIGH),
        ValueError,
        r"two continuous values, received vectors with data of shape \(3,\)",
    ),
    "no cells": (
        lambda: density_on_grid(gaussian(), LOW, HIGH, 0),
        ValueError,
        "resolution must be",
    ),
    "no points": (lambda: density_map(gaussian()), ValueError, "examples or samples"),
    "no decoder": (
        lambda: bent_grid(TwoClasses()),
        TypeError,
        "model must be an Encodes",
    ),
    "one line": (lambda: bent_grid(gaussian(), lines=1), ValueError, "at least 2"),
    "no extent": (lambda: bent_grid(gaussian(), extent=0), ValueError, "extent must"),
    "no layers": (
        lambda: layer_positions(no_density(), np.zeros((1, 2))),
        TypeError,
        "model must be a Flow",
    ),
    "no steps": (lambda: layer_frames(gaussian(), steps=0), ValueError, "steps must"),
}


@pytest.mark.parametrize(("draw", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_callbacks_draw_the_density_of_the_plane(tmp_path):
    model, examples = gaussian(), (MEAN + STDDEV * [[-3, -3], [3, 3]]).astype("float32")
    grid = SampleGrid(tmp_path / "x.png", examples=examples)
    grid.set_model(model)
    grid.draw()
    pixels = np.round(matplotlib.image.imread(tmp_path / "x.png")[..., :3] * 255)
    samples = model.sample(1000, seed=0)
    np.testing.assert_array_equal(pixels, density_map(model, examples, samples))

    animation = SampleAnimation(tmp_path / "x.gif", examples=examples, num_samples=20)
    animation.set_model(model)
    animation.on_train_begin()
    animation.on_epoch_begin(0)
    model.bijectors[0].mean.assign(MEAN + STDDEV)
    animation.on_epoch_end(0)
    animation.on_train_end()
    pictures, _ = read_animation(tmp_path / "x.gif")
    assert [picture.shape for picture in pictures] == [(400, 1200, 3)] * 2
    magma = np.int32(matplotlib.colormaps["magma"](1.0, bytes=True)[:3])
    spots = [
        np.argwhere(np.abs(p[TITLE:, :400] - magma).max(axis=-1) < 30).mean(axis=0)
        for p in pictures
    ]
    assert spots[1][0] < spots[0][0] - 20, "the mode moves up"
    assert spots[1][1] > spots[0][1] + 20, "and to the right"


def test_a_run_of_a_flow_of_the_plane_is_animated(tmp_path):
    moons = data.load("two_moons")
    model = spline()
    watches = watching.callbacks_of(model, moons, tmp_path, 200, [])
    (animation,) = (c for c in watches if isinstance(c, SampleAnimation))
    assert animation.path == tmp_path / store.ANIMATION
    assert animation.freq == 4
    np.testing.assert_array_equal(animation.examples, moons.test.head(1000))


def test_samples_of_a_flow_are_written_beside_its_density(tmp_path):
    model = gaussian()
    sample.write_samples(model, tmp_path / "x.png", num=10, seed=0, labels=None)
    pixels = np.round(matplotlib.image.imread(tmp_path / "x.png")[..., :3] * 255)
    expected = picture_of(model, model.sample(10, seed=0))
    np.testing.assert_array_equal(pixels, expected)
    assert expected.shape == (400, 800, 3)
    sample.write_samples(model, tmp_path / "one.png", num=1, seed=0, labels=None)
