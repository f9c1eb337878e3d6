"""A VQ-VAE, and then a transformer or a gated PixelCNN over its codes."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import keras_gen as kg

from ..model_settings import Dropout
from ..optimizing import Cosine
from ..preset import SMALLEST, Preset, sides
from ..settings import Says, shown
from ..usage import UsageError

if TYPE_CHECKING:
    from keras_gen.specs import Spec

PLACES, LONG_PLACES = 8, 32  # along the longest side of images and clips, and of series


def make(
    inputs: "Spec",
    condition: None,
    width: int,
    seed: int,
    steps: int | None,
    *,
    num_codes: Annotated[
        int | None, Says("Vectors of a codebook. Default: 8 x width.", 2)
    ] = None,
    levels: Annotated[int, Says("Codebooks, each of what is left over.")] = 1,
    scalar_sizes: Annotated[
        tuple[int, ...] | None,
        Says("Levels to which each number of a vector is rounded: no codebook.", 2),
    ] = None,
    code_size: Annotated[
        int | None, Says("Numbers of a vector of a codebook. Default: the width.")
    ] = None,
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of each halving. Default: 2 x and 4 x width, to 8 places."),
    ] = None,
    blocks: Annotated[int, Says("Residual blocks of each network.", 0)] = 2,
    decay: Annotated[
        float, Says("Decay of the moving averages of the codebook.", 0, 0.9999)
    ] = 0.99,
    commitment: Annotated[float, Says("Factor of the commitment loss.", 0)] = 1.0,
) -> "kg.VQVAE":
    """The autoencoder."""
    del condition, steps
    if scalar_sizes is None:
        how: dict[str, Any] = {"levels": levels, "decay": decay}
        how["commitment"] = commitment
        quantizer = kg.VectorQuantizer(num_codes or 8 * width, **how)
    elif num_codes or code_size or levels > 1:
        raise UsageError(
            "num_codes, code_size and levels are for a codebook: choose them or "
            f"scalar_sizes, received scalar_sizes={shown(scalar_sizes)}."
        )
    else:
        quantizer = kg.FiniteScalarQuantizer(scalar_sizes)
        code_size = len(scalar_sizes)
    pair = kg.networks.spatial_autoencoder(
        inputs.shape,
        code_size or width,
        channels=channels or _channels(inputs, width),
        blocks=blocks,
    )
    return kg.VQVAE(*pair, quantizer, inputs=inputs, seed=seed)


def _channels(inputs: "Spec", width: int) -> tuple[int, ...]:
    """Channels of each halving, to about so many places along the longest side."""
    longest = max(sides(inputs))
    places = LONG_PLACES if len(inputs.shape) == 2 else PLACES
    count = max(1, round(math.log2(longest / places)))
    return (2 * width, *[4 * width] * (count - 1))


def prior(
    vq_vae: "kg.VQVAE",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    prior: Annotated[
        Literal["transformer", "pixel_cnn"],
        Says("What learns the codes. pixel_cnn is for images with one codebook."),
    ] = "transformer",
    prior_channels: Annotated[
        int | None,
        Says("Channels of a token, or of each stack. Default: 4 x or 2 x width."),
    ] = None,
    depth: Annotated[int, Says("Blocks of the transformer, or gated layers.")] = 4,
    heads: Annotated[int, Says("Heads of attention, a divisor of the channels.")] = 4,
    dropout: Dropout = 0.1,
) -> "kg.Latent":
    """The prior over codes, and the autoencoder."""
    del steps
    codes, classes = vq_vae.latent, kg.specs.num_classes(condition)
    if prior == "transformer":
        network = kg.networks.causal_transformer(
            codes.num_codes,
            width=prior_channels or 4 * width,
            depth=depth,
            heads=heads,
            context=codes.size,
            positions="learned",
            dropout=dropout,
            condition_size=classes or 0,
        )
        model = kg.Autoregressive(network, length=codes.size, seed=seed)
        return kg.Latent(vq_vae, model)
    if len(vq_vae.inputs.shape) != 3 or len(codes.shape) != 2:
        raise UsageError(
            "prior=pixel_cnn is for the codes of images with levels=1, received "
            f"{vq_vae.inputs} with {codes}. Choose prior=transformer."
        )
    network = kg.networks.gated_pixel_cnn(
        (*codes.shape, 1),
        codes.num_codes,
        filters=prior_channels or 2 * width,
        blocks=depth,
        first_kernel_size=3,
        num_classes=classes,
        num_codes=codes.num_codes,
    )
    law = kg.Categorical(codes.num_codes)
    return kg.Latent(vq_vae, kg.PixelAutoregressive(network, law, seed=seed))


recipe = Preset(
    make=make,
    prior=prior,
    kinds=("Images", "Series", "Clips"),
    smallest=SMALLEST,
    family="VQ-VAE",
    rate=Cosine(1e-3, 1),
    source="van den Oord et al. 2017, Razavi et al. 2019, Mentzer et al. 2023",
)
