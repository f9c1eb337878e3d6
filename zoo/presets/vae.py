"""A variational autoencoder, dense or convolutional."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

from ..model_settings import (
    Activation,
    Beta,
    Channels,
    DenseUnits,
    FreeBits,
    KLWarmupSteps,
    LatentSize,
    Units,
)
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
    latent_size: LatentSize = None,
    channels: Channels = None,
    hidden: DenseUnits = None,
    units: Units = None,
    activation: Activation = "relu",
    beta: Beta = 1.0,
    kl_warmup_steps: KLWarmupSteps = 0,
    free_bits: FreeBits = 0.0,
    latent_samples: Annotated[int, Says("Latent vectors drawn for an example.")] = 1,
) -> "kg.VAE":
    """The model."""
    sizes: dict[str, Any] = {"num_classes": kg.specs.num_classes(condition)}
    sizes["activation"] = activation
    sizes["values_per_channel"] = 1 if inputs.is_unit or inputs.has_levels else 2
    if suits_convolutions(inputs):
        sizes["channels"] = channels or usual_channels(inputs, width)
        sizes["hidden"] = hidden or 8 * width
        pair = kg.networks.conv_vae(inputs.shape, latent_size or width, **sizes)
    else:
        sizes["units"] = units or (16 * width, 8 * width)
        pair = kg.networks.mlp_vae(inputs, latent_size or width, **sizes)
    objective = kg.ELBO(beta, kl_warmup_steps, free_bits, latent_samples)
    known = {"inputs": inputs, "condition": condition, "seed": seed}
    return kg.VAE(*pair, objective=objective, **known)


recipe = Preset(
    make=make,
    kinds=ARRAYS,
    family="VAE",
    rate=Cosine(1e-3, 1),
    source="Kingma and Welling 2013, Sohn et al. 2015",
)
