"""A small Glow of Fashion-MNIST."""

import dataclasses

from .glow_mnist import recipe as digits

recipe = dataclasses.replace(
    digits,
    data="fashion_mnist",
    expected={},
    results={},
)
