"""An autoencoder, dense or convolutional, with a latent mixture for samples."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import LEVELS, Preset, channels, suits_convolutions

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec", condition: "Spec | None", width: int, seed: int
) -> kg.Autoencoder:
    """The model. The condition has no effect."""
    del condition
    if suits_convolutions(inputs):
        sizes = channels(inputs, width)
        pair = kg.networks.conv_autoencoder(
            inputs.shape, width, channels=sizes, hidden=8 * width
        )
    else:
        units = (16 * width, 8 * width)
        pair = kg.networks.mlp_autoencoder(inputs, width, units=units)
    return kg.Autoencoder(*pair, inputs=inputs, seed=seed)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns", LEVELS),
    family="autoencoder",
    rate=Cosine(1e-3, 1),
    source="Hinton and Salakhutdinov 2006, Ghosh et al. 2020",
)
