"""An autoencoder, dense or convolutional, with a latent mixture for samples."""

from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..model_settings import Activation, Channels, DenseUnits, Units
from ..optimizing import Cosine
from ..preset import ARRAYS, Preset, suits_convolutions
from ..preset import channels as usual_channels
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    *,
    latent_size: Annotated[
        int | None, Says("Numbers of the code. Default: the width.")
    ] = None,
    channels: Channels = None,
    hidden: DenseUnits = None,
    units: Units = None,
    activation: Activation = "relu",
    noise: Annotated[
        float,
        Says("Deviation of noise on inputs in training, to denoise.", least=0),
    ] = 0.0,
    components: Annotated[
        int, Says("Gaussians of the density of codes, for samples.")
    ] = 10,
) -> "kg.Autoencoder":
    """The model. The condition has no effect."""
    del condition
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
    kinds=ARRAYS,
    family="autoencoder",
    rate=Cosine(1e-3, 1),
    source="Hinton and Salakhutdinov 2006, Ghosh et al. 2020",
)
