"""Points follow their formula, and the entropies are those of the formula."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0e, xlogy

from keras_gen import zoo
from keras_gen.zoo import densities

GAUSSIAN = math.log(2 * math.pi * math.e)  # entropy of two standard normal values


def curve_density(x, curves, stddev):
    """Gaussians along curves, (k, m, 2), by the trapezoidal rule: (n,)."""
    k, m, _ = curves.shape
    weights = np.full(m, 1 / (m - 1))
    weights[[0, -1]] /= 2
    squares = ((x[:, None, None] - curves) ** 2).sum(axis=-1)
    normal = np.exp(-squares / (2 * stddev**2)) / (2 * np.pi * stddev**2)
    return (normal @ weights).mean(axis=1)


def moons(x):
    t = np.linspace(0, np.pi, 600)
    upper = np.stack([np.cos(t), np.sin(t)], axis=1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    return curve_density(x, np.stack([upper, lower]), 0.05)


def ring(x):
    t = np.arange(8) * np.pi / 4
    modes = 2 * np.stack([np.cos(t), np.sin(t)], axis=1)
    return curve_density(x, np.stack([modes, modes], axis=1), 0.05)


def circles(r):
    """Density of `rings` at the radius r: a Bessel function for each circle."""
    parts = [
        np.exp(-((r - a) ** 2) / (2 * 0.08**2)) * i0e(r * a / 0.08**2)
        for a in (0.75, 1.5, 2.25, 3.0)
    ]
    return np.mean(parts, axis=0) / (2 * np.pi * 0.08**2)


def rings(x):
    return circles(np.linalg.norm(x, axis=1))


def spirals(x):
    r = 3 * np.sqrt(np.linspace(0, 1, 1_500))
    arm = np.stack([r * np.cos(np.pi * r), r * np.sin(np.pi * r)], axis=1)
    return curve_density(x, np.stack([arm, -arm]), 0.1)


def pinwheel(x):
    z = x[:, 0] + 1j * x[:, 1]
    arms = np.arange(5)[:, None]
    back = z * np.exp(-1j * (2 * np.pi * arms / 5 + np.exp(np.abs(z) / 2) / 4))
    square = ((back.real - 2) / 0.6) ** 2 + (back.imag / 0.2) ** 2
    return np.exp(-square / 2).mean(axis=0) / (2 * np.pi * 0.6 * 0.2)


def checkerboard(x):
    cell = np.floor(x / 2).sum(axis=1)
    return np.where((np.abs(x) <= 4).all(axis=1) & (cell % 2 == 0), 1 / 32, 0)


FORMULAS = {
    "checkerboard": checkerboard,
    "pinwheel": pinwheel,
    "ring": ring,
    "rings": rings,
    "two_moons": moons,
    "two_spirals": spirals,
}


@pytest.mark.parametrize("name", densities.DENSITIES)
def test_points_have_the_entropy_of_the_density(name):
    """-log p of points that follow p has the entropy as its mean."""
    draw, class_names = densities.DENSITIES[name]
    x, labels = draw(4_000, 7)
    assert x.shape == (4_000, 2)
    assert set(() if labels is None else labels) == set(range(len(class_names)))
    surprise = -np.log(FORMULAS[name](x))
    error = max(surprise.std() / math.sqrt(len(x)), 1e-12)
    assert abs(surprise.mean() - densities.entropy(name)) < 4 * error


def test_entropies_in_closed_form():
    assert densities.entropy("checkerboard") == math.log(32)
    eight = math.log(8) + GAUSSIAN + 2 * math.log(0.05)  # they do not overlap
    assert densities.entropy("ring") == pytest.approx(eight, abs=1e-6)


def test_entropy_of_rings_is_that_of_the_radius():
    def integrand(r):
        p = circles(r)
        return -2 * np.pi * r * xlogy(p, p)

    expected = quad(integrand, 0, 4, points=[0.75, 1.5, 2.25, 3], limit=200)[0]
    assert densities.entropy("rings") == pytest.approx(expected, abs=1e-5)


def test_entropy_of_two_moons_in_polar_coordinates():
    """A moon far from the other: log 2 more than one half circle's."""
    r, dr = np.linspace(0.6, 1.4, 81, retstep=True)
    angle, da = np.linspace(-0.4, np.pi / 2, 101, retstep=True)  # the half of a half
    grid_r, grid_a = (g.ravel() for g in np.meshgrid(r, angle, indexing="ij"))
    x = np.stack([grid_r * np.cos(grid_a), grid_r * np.sin(grid_a)], axis=1)
    t = np.linspace(0, np.pi, 400)
    arc = np.stack([np.cos(t), np.sin(t)], axis=1)[None]
    p = curve_density(x, arc, 0.05)
    edge = np.where(grid_a == angle[-1], 0.5, 1)  # trapezoidal rule at the mirror
    weights = 2 * grid_r * dr * da * edge
    assert (p * weights).sum() == pytest.approx(1, abs=1e-5)
    expected = math.log(2) - (xlogy(p, p) * weights).sum()
    assert densities.entropy("two_moons") == pytest.approx(expected, abs=1e-4)
    assert expected == pytest.approx(0.2892, abs=5e-4)


def test_entropy_of_the_pinwheel_does_not_depend_on_the_bend(monkeypatch):
    """The bend keeps areas: straight arms have the same entropy."""
    bent = densities.entropy("pinwheel")
    monkeypatch.setattr(densities, "_bend", lambda f: 0)
    assert densities.entropy("pinwheel") == pytest.approx(bent, abs=1e-6)
    apart = math.log(5) + GAUSSIAN + math.log(0.6 * 0.2)
    assert apart - 0.1 < bent < apart


@pytest.mark.parametrize("name", ["pinwheel", "two_spirals"])
def test_entropy_on_another_grid(name):
    axis, step = np.linspace(-5, 5, 101, retstep=True)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    p = np.concatenate([FORMULAS[name](part) for part in np.array_split(x, 40)])
    assert p.sum() * step**2 == pytest.approx(1, abs=1e-4)
    expected = -xlogy(p, p).sum() * step**2
    assert densities.entropy(name) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", ["maf_two_moons", "nsf_two_moons", "realnvp_two_moons"]
)
def test_published_flows_lose_at_most_a_fiftieth_of_a_nat(recipe):
    """The mean of log p - log q over fresh points of p is their divergence."""
    x, _ = densities.draw_two_moons(8_000, 7)
    x = x.astype(np.float32)
    losses = np.log(moons(x)) - zoo.load(recipe).log_prob(x)
    assert 0 < losses.mean() < 0.02


def test_an_unknown_density_is_refused():
    with pytest.raises(ValueError, match="one of checkerboard, .* received 'moons'"):
        densities.entropy("moons")
