"""Synthetic heartbeats: electrocardiograms of a second, made by a formula."""

import numpy as np

LENGTH, RATE, PEAK = 128, 128, 48  # values, per second, place of the highest
CLASSES = "normal", "ventricular", "st-elevation", "without-p"
NORMAL_SHARE = 0.7
# Centre in seconds, height in millivolts and width in seconds, of P, Q, R, S and T
WAVES = np.array(
    [
        (-0.17, 0.12, 0.025),
        (-0.03, -0.12, 0.010),
        (0.0, 1.0, 0.012),
        (0.03, -0.22, 0.012),
        (0.28, 0.30, 0.055),
    ]
)
P, R, T = 0, 2, 4


def beats(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Heartbeats, in millivolts, and their classes.

    A beat is a sum of five bells, whose places, heights and widths vary from beat to
    beat, with a wandering baseline and noise of 0.02 mV. "ventricular" is a wide beat
    without a P wave and with T inverted, "st-elevation" is raised by 0.08 to 0.25 mV
    between S and T, and "without-p" lacks the P wave.

    Args:
        num: Number of beats.
        seed: Seed of the draws.

    Returns:
        Beats, float32 `(num, 128, 1)`, and places in `CLASSES`, int32 `(num,)`.

    References:
        McSharry et al., "A dynamical model for generating synthetic electrocardiogram
        signals", 2003, whose waves are such bells.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, len(CLASSES), num)
    labels[rng.uniform(size=num) < NORMAL_SHARE] = 0
    centre, height, width = np.moveaxis(np.tile(WAVES, (num, 1, 1)), -1, 0)
    pace = rng.normal(1, 0.08, (num, 1))
    centre = centre * pace + rng.normal(0, 0.004, centre.shape)
    height = height * rng.normal(1, 0.12, height.shape) * rng.normal(1, 0.1, (num, 1))
    width = width * np.exp(rng.normal(0, 0.1, width.shape))
    wide = labels == CLASSES.index("ventricular")
    width[wide, R] *= rng.uniform(2, 4, wide.sum())
    height[wide, T] *= -1
    height[wide | (labels == CLASSES.index("without-p")), P] = 0
    time = (np.arange(LENGTH) - PEAK) / RATE
    bells = np.exp(-0.5 * ((time - centre[..., None]) / width[..., None]) ** 2)
    x = (height[..., None] * bells).sum(axis=1)
    raised = labels == CLASSES.index("st-elevation")
    plateau = _step(time - 0.05) * _step(centre[:, [T]] - time)
    x += raised[:, None] * rng.uniform(0.08, 0.25, (num, 1)) * plateau
    phase, speed = rng.uniform(0, 2 * np.pi, (num, 1)), rng.uniform(0.1, 0.5, (num, 1))
    x += rng.normal(0, 0.05, (num, 1)) * np.sin(2 * np.pi * speed * time + phase)
    x += rng.normal(0, 0.02, x.shape)
    return x[..., None].astype(np.float32), labels.astype(np.int32)


def _step(t: np.ndarray) -> np.ndarray:
    """A smooth step at 0, which rises within about 40 ms."""
    return 1 / (1 + np.exp(-t / 0.01))
