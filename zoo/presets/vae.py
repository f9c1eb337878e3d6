"""A variational autoencoder, dense or convolutional."""

from typing import TYPE_CHECKING, Annotated, Any

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
        int | None, Says("Numbers of the latent vector. Default: the width.")
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
    beta: Annotated[float, Says("Factor of the KL term of the loss.", least=0)] = 1.0,
    kl_warmup: Annotated[
        float, Says("Share of the run over which that factor grows from 0.", 0, 1)
    ] = 0.0,
    free_bits: Annotated[
        float, Says("Nats of each latent number that the KL term leaves free.", least=0)
    ] = 0.0,
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
    rises = round(kl_warmup * (steps or 0))
    objective = kg.ELBO(beta, rises, free_bits, latent_samples)
    known = {"inputs": inputs, "condition": condition, "seed": seed}
    return kg.VAE(*pair, objective=objective, **known)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns", LEVELS),
    family="VAE",
    rate=Cosine(1e-3, 1),
    source="Kingma and Welling 2013, Sohn et al. 2015",
)
