"""An autoencoder, dense or convolutional, with a latent mixture for samples."""

from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import LEVELS, Activation, Preset, suits_convolutions
from ..preset import channels as usual_channels
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
    latent_size: Annotated[
        int | None, Says("Numbers of the code. Default: the width.")
    ] = None,
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of each halving. Default: width to 4 x width.", of="images"),
    ] = None,
    hidden: Annotated[
        int | None, Says("Units of the dense layer. Default: 8 x width.", of="images")
    ] = None,
    units: Annotated[
        tuple[int, ...] | None,
        Says("Units of each layer. Default: 16 x width, 8 x width.", of="others"),
    ] = None,
    activation: Annotated[Activation, Says("Activation of the hidden layers.")] = (
        "relu"
    ),
    noise: Annotated[
        float,
        Says("Deviation of noise on inputs in training, to denoise.", least=0),
    ] = 0.0,
    components: Annotated[
        int, Says("Gaussians of the density of codes, for samples.")
    ] = 10,
) -> "kg.Autoencoder":
    """The model. The condition has no effect."""
    del condition, steps
    if suits_convolutions(inputs):
        pair = kg.networks.conv_autoencoder(
            inputs.shape,
            latent_size or width,
            channels=channels or usual_channels(inputs, width),
            hidden=hidden or 8 * width,
            activation=activation,
        )
    else:
        units = units or (16 * width, 8 * width)
        size = latent_size or width
        pair = kg.networks.mlp_autoencoder(
            inputs, size, units=units, activation=activation
        )
    return kg.Autoencoder(
        *pair,
        corruption=kg.objectives.GaussianNoise(noise) if noise else None,
        latent_components=components,
        inputs=inputs,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns", LEVELS),
    family="autoencoder",
    rate=Cosine(1e-3, 1),
    source="Hinton and Salakhutdinov 2006, Ghosh et al. 2020",
)
