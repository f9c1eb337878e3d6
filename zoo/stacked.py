"""Stacked digits: three random digits as the channels of one image, 1,000 modes.

References:
    Metz, Poole, Pfau and Sohl-Dickstein, "Unrolled generative adversarial networks",
    2017. Lin, Khetan, Fanti and Oh, "PacGAN: the power of two samples in generative
    adversarial networks", 2018, section 4.2 (the numbers of images).
"""

import itertools

import numpy as np

from .embedded import Arrays, ArraySplit

CHANNELS = 3
TRAIN, TEST = 128_000, 26_000  # images of each split


def stacked(
    train: ArraySplit, test: ArraySplit, class_names: tuple[str, ...]
) -> Arrays:
    """Stacks random images of each split as channels, always the same ones.

    Args:
        train: Grey images to train on, `(n, height, width, 1)`, with labels.
        test: Held-out ones.
        class_names: Name of each label.

    Returns:
        `TRAIN` and `TEST` images, `(n, height, width, 3)`, and the names of their
        classes: the first channel's name, then the second's and the third's. With 10
        classes, digits 4, 0 and 7 make class 407.
    """
    both = (train, TRAIN), (test, TEST)
    k = len(class_names)
    parts = [_drawn(split, n, k, seed) for seed, (split, n) in enumerate(both)]
    names = tuple(map("".join, itertools.product(class_names, repeat=CHANNELS)))
    return parts[0], parts[1], names


def _drawn(split: ArraySplit, number: int, num_classes: int, seed: int) -> ArraySplit:
    """Images whose channels are independent draws from a split."""
    if split.labels is None:
        raise ValueError("images to stack must have labels, received none.")
    rows = np.random.RandomState(seed).randint(len(split), size=(number, CHANNELS))
    shape = (number, *split.x.shape[1:3], CHANNELS)
    x, labels = np.empty(shape, split.x.dtype), np.zeros(number, np.int32)
    for channel, chosen in enumerate(rows.T):
        x[..., channel] = split.x[chosen, ..., 0]
        labels = labels * num_classes + split.labels[chosen]
    return ArraySplit(x, labels)
