"""Flow matching of Fashion-MNIST, guided by class."""

import dataclasses

from .flow_matching_mnist import recipe as digits

recipe = dataclasses.replace(
    digits,
    data="fashion_mnist",
    expected={},
    results={},
)
