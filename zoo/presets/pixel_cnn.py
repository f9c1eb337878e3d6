"""A gated PixelCNN of images, grey or in colour."""

from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import Preset
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    filters: Annotated[
        int | None, Says("Channels of each stack, even. Default: 2 x width.")
    ] = None,
    blocks: Annotated[int, Says("Gated layers.")] = 8,
    kernel_size: Annotated[int, Says("Side of the kernels, odd.")] = 3,
    components: Annotated[int, Says("Logistics of the mixture of a pixel.")] = 5,
) -> "kg.PixelAutoregressive":
    """The model."""
    del steps
    law = kg.DiscretizedLogisticMixture(components)
    network = kg.networks.gated_pixel_cnn(
        inputs.shape,
        law.raw_size(inputs.shape[-1]),
        filters=filters or 2 * width,
        blocks=blocks,
        kernel_size=kernel_size,
        num_classes=kg.specs.num_classes(condition),
    )
    return kg.PixelAutoregressive(network, law, seed=seed)


recipe = Preset(
    make=make,
    kinds=("Images",),
    family="autoregressive",
    least_steps=0,
    rate=Cosine(1e-3, 1),
    source="van den Oord et al. 2016, Salimans et al. 2017",
)
