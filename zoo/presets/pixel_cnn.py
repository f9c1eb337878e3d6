"""A gated PixelCNN of images, grey or in colour."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import Preset

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec", condition: "Spec | None", width: int, seed: int
) -> kg.PixelAutoregressive:
    """The model."""
    law = kg.DiscretizedLogisticMixture(5)
    network = kg.networks.gated_pixel_cnn(
        inputs.shape,
        law.raw_size(inputs.shape[-1]),
        filters=2 * width,
        num_classes=kg.specs.num_classes(condition),
    )
    return kg.PixelAutoregressive(network, law, seed=seed)


recipe = Preset(
    make=make,
    kinds=("Images",),
    family="autoregressive",
    rate=Cosine(1e-3, 1),
    source="van den Oord et al. 2016, Salimans et al. 2017",
)
