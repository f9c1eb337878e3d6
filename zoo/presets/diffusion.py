"""Flow matching with a U-Net, or a dense network of vectors."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import Preset, channels, suits_convolutions

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec", condition: "Spec | None", width: int, seed: int
) -> kg.Diffusion:
    """The model."""
    classes: Any = {"num_classes": kg.specs.num_classes(condition)}
    if suits_convolutions(inputs):
        sizes = channels(inputs, width)
        sizes = (*sizes, sizes[-1])
        network = kg.networks.unet(inputs.shape, channels=sizes, **classes)
    else:
        units = (16 * width,) * 3
        network = kg.networks.mlp_denoiser(inputs.shape, units=units, **classes)
    return kg.Diffusion(
        network,
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        inputs=inputs,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns"),
    family="diffusion",
    rate=Cosine(1e-3, 1),
    source="Lipman et al. 2023, Esser et al. 2024",
)
