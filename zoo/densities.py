"""Densities on the plane with known entropy: `entropy("two_moons")`.

Each `draw_*` function returns `num` points, float64, (num, 2), and their labels, int,
(num,), or None. They are the same for the same seed.
"""

import math
from collections.abc import Callable

import numpy as np

from keras_gen.extras import package

Points = tuple[np.ndarray, np.ndarray | None]

MOONS_STDDEV = RING_STDDEV = 0.05
RINGS_STDDEV = 0.08
SPIRALS_STDDEV = 0.1
NUM_ARMS = 5
PINWHEEL_STDDEVS = (0.6, 0.2)
EDGE, STEP = 6.0, 0.02  # of the grid on which entropies are summed up
QUANTILES = 1_000  # per curve


def ring_modes() -> np.ndarray:
    """Means of the components of `ring`, (8, 2): component k at the angle k pi / 4."""
    return 2 * _unit(np.arange(8) * np.pi / 4)


def draw_ring(num: int, seed: int) -> Points:
    """Eight Gaussians on a circle of radius 2. The label is the component.

    Component k has the mean `ring_modes()[k]` and the standard deviation 0.05.
    """
    random, modes = np.random.RandomState(seed), ring_modes()
    component = random.randint(len(modes), size=num)
    return modes[component] + RING_STDDEV * random.randn(num, 2), component


def draw_two_moons(num: int, seed: int) -> Points:
    """Scikit-learn's `make_moons` with noise 0.05. The label is the moon.

    With t in [0, pi], moon 0 is (cos t, sin t) and moon 1 (1 - cos t, 1/2 - sin t),
    plus normal noise. The angles t are evenly spaced, not drawn.
    """
    package("sklearn", "two_moons")
    from sklearn.datasets import make_moons

    x, labels = make_moons(num, noise=MOONS_STDDEV, random_state=seed)
    return np.asarray(x), np.asarray(labels)


def draw_rings(num: int, seed: int) -> Points:
    """Four concentric circles. The label is the circle.

    Circle k is 0.75 (k + 1) (cos 2 pi u, sin 2 pi u) with u uniform in [0, 1], plus
    normal noise of standard deviation 0.08.

    References:
        Chen, Behrmann, Duvenaud and Jacobsen, "Residual flows for invertible
        generative modeling", 2019, the toy set "rings" of the published code, where
        the angles are evenly spaced.
    """
    random = np.random.RandomState(seed)
    circle = random.randint(4, size=num)
    points = _circle(circle, random.rand(num))
    return points + RINGS_STDDEV * random.randn(num, 2), circle


def draw_two_spirals(num: int, seed: int) -> Points:
    """Two spirals of radius 0 to 3. The label is the arm.

    At the radius r = 3 sqrt(u), with u uniform in [0, 1], arm k has the angle
    pi (r + k), plus normal noise of standard deviation 0.1.
    """
    random = np.random.RandomState(seed)
    arm = random.randint(2, size=num)
    points = _spiral(arm, random.rand(num))
    return points + SPIRALS_STDDEV * random.randn(num, 2), arm


def draw_pinwheel(num: int, seed: int) -> Points:
    """Five bent arms. The label is the arm.

    A point f, normal with mean (2, 0) and standard deviations (0.6, 0.2), is rotated
    by the angle 2 pi k / 5 + exp(|f| / 2) / 4 in arm k.

    References:
        Johnson et al., "Composing graphical models with neural networks", 2016; there
        the angle depends on the first value of f instead of its length. A rotation by
        an angle that depends on the length preserves areas, so the density is known.
    """
    random = np.random.RandomState(seed)
    arm = random.randint(NUM_ARMS, size=num)
    f = [2, 0] + PINWHEEL_STDDEVS * random.randn(num, 2)
    return _turn(f, 2 * np.pi * arm / NUM_ARMS + _bend(f)), arm


def draw_checkerboard(num: int, seed: int) -> Points:
    """Uniform on eight of the sixteen squares of [-4, 4]^2, without labels."""
    random = np.random.RandomState(seed)
    column, half_row = random.randint(4, size=num), random.randint(2, size=num)
    corner = np.stack([column, 2 * half_row + column % 2], axis=1)
    return 2 * (corner + random.rand(num, 2)) - 4, None


DENSITIES: dict[str, tuple[Callable[[int, int], Points], tuple[str, ...]]] = {
    "checkerboard": (draw_checkerboard, ()),
    "pinwheel": (draw_pinwheel, tuple("01234")),
    "ring": (draw_ring, tuple("01234567")),
    "rings": (draw_rings, tuple("0123")),
    "two_moons": (draw_two_moons, ("upper", "lower")),
    "two_spirals": (draw_two_spirals, ("0", "1")),
}


def entropy(name: str) -> float:
    """Differential entropy of a density, nats.

    The expected `log_prob` of a model is at most minus the entropy.

    The entropy is -sum p log p h^2 on a grid of step h = 0.02 over [-6, 6]^2:

    - Curves with noise s have p(x) = 1/K sum_k int N(x; c_k(u), s^2) du for u in
      [0, 1], by the midpoint rule. All curves are equally likely, and so are all u.
      Moons are uniform over the arc, the limit of many points.
    - The pinwheel has p(x) = 1/5 sum_k N(f_k(x)), where f_k rotates x back to arm 0.
    - The checkerboard is uniform on an area of 32, and its entropy is log 32.

    p is smooth on the scale of h, so the error is below 1e-4.

    Args:
        name: "checkerboard", "pinwheel", "ring", "rings", "two_moons" or "two_spirals".

    Raises:
        ValueError: If there is no such density.
    """
    from scipy.special import entr

    if name not in DENSITIES:
        raise ValueError(
            f"name must be one of {', '.join(DENSITIES)}, received {name!r}."
        )
    if name == "checkerboard":
        return math.log(32)
    axis = np.arange(-EDGE, EDGE, STEP)
    p = _pinwheel(axis) if name == "pinwheel" else _smoothed(axis, *CURVES[name])
    return float(entr(p).sum() * STEP**2)


def _smoothed(
    axis: np.ndarray, curve: Callable, num_curves: int, stddev: float
) -> np.ndarray:
    """The density of noisy curves on the grid `axis` x `axis`."""
    u = (np.arange(QUANTILES) + 0.5) / QUANTILES
    centres = np.concatenate(
        [curve(np.full(QUANTILES, k), u) for k in range(num_curves)]
    )
    x, y = (_normal(axis, centre[:, None], stddev) for centre in centres.T)
    return x.T @ y / len(centres)


def _pinwheel(axis: np.ndarray) -> np.ndarray:
    """The density of the pinwheel on the grid `axis` x `axis`."""
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    arms = [_turn(x, -2 * np.pi * k / NUM_ARMS - _bend(x)) for k in range(NUM_ARMS)]
    densities = (
        _normal(f[..., 0], 2, PINWHEEL_STDDEVS[0])
        * _normal(f[..., 1], 0, PINWHEEL_STDDEVS[1])
        for f in arms
    )
    return np.asarray(sum(densities)) / len(arms)


def _normal(x: np.ndarray, mean: np.ndarray | float, stddev: float) -> np.ndarray:
    z = (x - mean) / stddev
    return np.exp(-(z**2) / 2) / (stddev * math.sqrt(2 * math.pi))


def _unit(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _mode(component: np.ndarray, u: np.ndarray) -> np.ndarray:
    return ring_modes()[component]


def _moon(moon: np.ndarray, u: np.ndarray) -> np.ndarray:
    upper = _unit(np.pi * u)
    return np.where(moon[:, None] == 0, upper, [1, 0.5] - upper)


def _circle(circle: np.ndarray, u: np.ndarray) -> np.ndarray:
    return 0.75 * (circle + 1)[:, None] * _unit(2 * np.pi * u)


def _spiral(arm: np.ndarray, u: np.ndarray) -> np.ndarray:
    radius = 3 * np.sqrt(u)
    return radius[:, None] * _unit(np.pi * (radius + arm))


def _bend(f: np.ndarray) -> np.ndarray:
    return np.exp(np.linalg.norm(f, axis=-1) / 2) / 4


def _turn(f: np.ndarray, angle: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = f[..., 0], f[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


CURVES = {  # curve, number of curves, standard deviation of the noise
    "ring": (_mode, len(ring_modes()), RING_STDDEV),
    "rings": (_circle, 4, RINGS_STDDEV),
    "two_moons": (_moon, 2, MOONS_STDDEV),
    "two_spirals": (_spiral, 2, SPIRALS_STDDEV),
}
