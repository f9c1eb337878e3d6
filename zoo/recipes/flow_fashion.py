"""A small Glow of Fashion-MNIST."""

import dataclasses

from .glow_mnist import recipe as digits

recipe = dataclasses.replace(
    digits,
    data="fashion_mnist",
    expected={"bits_per_dim": (3.42, 3.48)},
    results={
        "log_prob": -1873.99,
        "bits_per_dim": 3.448,
        "frechet_distance": 83.21,
        "kernel_distance": 4.542,
        "precision": 0.539,
        "recall": 0.246,
        "density": 0.309,
        "coverage": 0.058,
        "memorization": 0.02,
    },
)
