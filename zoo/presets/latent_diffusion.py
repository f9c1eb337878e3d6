"""An autoencoder of images, and then flow matching of its latent values."""

import math
from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..diffusions import flow_matching
from ..model_settings import (
    Beta,
    BlockDropout,
    EMADecay,
    GuidanceScale,
    Heads,
    LabelDropout,
)
from ..optimizing import Cosine
from ..preset import Preset, sides
from ..settings import Says, shown
from ..usage import UsageError

if TYPE_CHECKING:
    from keras_gen.specs import Spec

PLACES, MOST_HALVINGS = 8, 3  # smallest side of latent values
FEATURES = (16, 32, 64)  # channels of the random convolutions


def make(
    inputs: "Spec",
    condition: None,
    width: int,
    seed: int,
    steps: int | None,
    *,
    latent_channels: Annotated[int, Says("Numbers of a latent value.")] = 4,
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of each halving. Default: 2 x and 4 x width, to 8 places."),
    ] = None,
    blocks: Annotated[int, Says("Residual blocks of each network.", 0)] = 2,
    noise: Annotated[
        float, Says("Standard deviation of a pixel around its reconstruction.")
    ] = 0.1,
    beta: Beta = 0.1,
    feature_weight: Annotated[
        float, Says("Factor of the distance in features of random convolutions.", 0)
    ] = 0.0,
    adversarial_start: Annotated[
        float | None,
        Says("Share of the run after which a discriminator of patches plays.", 0, 1),
    ] = None,
) -> "kg.VAE":
    """The autoencoder."""
    del condition
    pair = kg.networks.spatial_autoencoder(
        inputs.shape,
        latent_channels,
        channels=channels or _channels(inputs, width),
        blocks=blocks,
        statistics=2,
    )
    latent = pair[1].input_shape[1:]
    if min(latent[:-1]) < PLACES:
        raise UsageError(
            f"channels must leave {PLACES} places along each side, received "
            f"channels={shown(tuple(channels or ()))} for {inputs}, which leave "
            f"{'x'.join(map(str, latent[:-1]))}. Choose fewer channels."
        )
    features, game = None, None
    if feature_weight:
        network = kg.networks.conv_features(inputs.shape, channels=FEATURES)
        features = kg.FeatureLoss(network, weight=feature_weight)
    if adversarial_start is not None:
        patches = (2 * width, 4 * width, 8 * width)
        judge = kg.networks.patch_discriminator(inputs.shape, channels=patches)
        start = round(adversarial_start * (steps or 0))
        game = kg.PatchGame(judge, start=start)
    return kg.VAE(
        *pair,
        likelihood=kg.Gaussian(noise),
        objective=kg.ELBO(beta),
        perceptual=features,
        adversarial=game,
        inputs=inputs,
        seed=seed,
    )


def _channels(inputs: "Spec", width: int) -> tuple[int, ...]:
    """Channels of each halving, one to three, to at least so many places."""
    count = int(math.log2(min(sides(inputs)) / PLACES))
    return (2 * width, *[4 * width] * (min(count, MOST_HALVINGS) - 1))


def prior(
    vae: "kg.VAE",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    denoiser_channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of each size of the U-Net. Default: 2 x, 4 x, 4 x width."),
    ] = None,
    denoiser_blocks: Annotated[int, Says("Residual blocks of each size.")] = 1,
    heads: Heads = 4,
    dropout: BlockDropout = 0.0,
    label_dropout: LabelDropout = 0.1,
    guidance_scale: GuidanceScale = 1.0,
    ema_decay: EMADecay = 0.999,
) -> "kg.Latent":
    """The diffusion of latent values, and the autoencoder."""
    del steps
    network = kg.networks.unet(
        vae.latent.shape,
        channels=denoiser_channels or _denoiser_channels(vae, width),
        blocks=denoiser_blocks,
        heads=heads,
        dropout=dropout,
        num_classes=kg.specs.num_classes(condition),
    )
    model = kg.Diffusion(
        network,
        **flow_matching(),
        label_dropout=label_dropout,
        guidance_scale=guidance_scale,
        ema_decay=ema_decay,
        inputs=vae.latent,
        condition=condition,
        seed=seed,
    )
    return kg.Latent(vae, model)


def _denoiser_channels(vae: "kg.VAE", width: int) -> tuple[int, ...]:
    """Channels of two sizes of few places, or of three."""
    is_large = min(vae.latent.shape[:-1]) >= 2 * PLACES
    return (2 * width, *[4 * width] * (1 + is_large))


recipe = Preset(
    make=make,
    prior=prior,
    kinds=("Images",),
    smallest=2 * PLACES,
    family="latent diffusion",
    rate=Cosine(1e-3, 1),
    source="Rombach et al. 2022, Lipman et al. 2023",
)
