"""Shared parts of the recipes of diffusion and flow matching."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import Rate, compiled
from .preset import channels as usual_channels
from .preset import sides, suits_convolutions
from .recipe import Recipe, Stage
from .translations import check_one_size

if TYPE_CHECKING:
    import keras

    from keras_gen import VAE, Diffusion, Latent
    from keras_gen.specs import Spec

PLACES, LARGEST_PATCH = 32, 4  # of the largest size of a U-Net of images


def diffusion_recipe(
    model: "Callable[[int], Diffusion]",
    *,
    rate: Rate,
    adam: dict[str, float] | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of a diffusion model trained with Adam.

    Args:
        model: Makes the model from the seed of its noise.
        rate: Learning rate.
        adam: Further arguments of the optimizer.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, steps: int | None = None) -> "Diffusion":
        return compiled(model(seed), rate, steps, **(adam or {}))

    return Recipe(build=build, rate=rate, family="diffusion", **facts)


def flow_matching() -> dict[str, Any]:
    """Arguments of a model of flow matching: its schedule, output and times."""
    import keras_gen as kg

    return {
        "schedule": kg.schedules.RectifiedFlow(),
        "parameterization": kg.parameterizations.Velocity(),
        "times": kg.LogitNormalTimes(),
    }


def unet_of(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    channels: tuple[int, ...] | None,
    patch: int | None = None,
    **sizes: Any,
) -> "keras.Model":
    """The U-Net of a preset.

    Args:
        inputs: The spec of the examples.
        condition: The spec of the condition, or None.
        width: Channels of the largest size.
        channels: Channels of each size. None derives them from the width.
        patch: Side of the squares of pixels that are one place. None derives it from
            the sides of images.
        **sizes: Further arguments of `networks.unet`.
    """
    import keras_gen as kg

    sizes["patch"] = patch = patch or usual_patch(inputs)
    usual = usual_channels(inputs, width, patch)
    sizes["channels"] = channels or (*usual, usual[-1])
    sizes |= told(inputs, condition, 2 * width)
    return kg.networks.unet(inputs.shape, **sizes)


def usual_patch(inputs: "Spec") -> int:
    """The side of a patch that leaves images at least `PLACES` places, 1 of others."""
    from keras_gen.specs import Images

    patch, known = 1, sides(inputs) if isinstance(inputs, Images) else (0,)
    while patch < LARGEST_PATCH and not any(side % (2 * patch) for side in known):
        if min(known) < 2 * patch * PLACES:
            break
        patch *= 2
    return patch


def told(inputs: "Spec", condition: "Spec | None", width: int) -> dict[str, Any]:
    """The arguments of a network that say what its condition is.

    Args:
        inputs: The spec of the examples.
        condition: Classes, texts, images of the same size, or None.
        width: Channels of the vectors of a text.

    Raises:
        UsageError: If images have another size.
    """
    import keras_gen as kg

    if isinstance(condition, kg.specs.Tokens):
        size, length = condition.vocabulary_size, condition.length
        return {"text": kg.networks.TextReader(size, length, width=width)}
    if condition is None or len(condition.shape) < 2:
        return {"num_classes": kg.specs.num_classes(condition)}
    check_one_size(inputs, condition)
    return {"condition_channels": condition.shape[-1]}


def denoiser_of(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    *,
    channels: tuple[int, ...] | None,
    units: tuple[int, ...] | None,
    patch: int | None = None,
    **sizes: Any,
) -> "keras.Model":
    """The network of a preset: a U-Net, or a dense network of vectors and small series.

    Args:
        inputs: The spec of the examples.
        condition: The spec of the condition, or None.
        width: Channels of the largest size.
        channels: Channels of each size of a U-Net. None derives them from the width.
        units: Units of each dense layer. None derives them from the width.
        patch: As in `unet_of`.
        **sizes: Further arguments of `networks.unet`.
    """
    import keras_gen as kg

    if suits_convolutions(inputs):
        return unet_of(inputs, condition, width, channels, patch, **sizes)
    units, classes = units or (16 * width,) * 3, kg.specs.num_classes(condition)
    how: dict[str, Any] = {"units": units, "num_classes": classes}
    return kg.networks.mlp_denoiser(inputs.shape, **how)


def latent_flow_recipe(
    autoencoder: "Callable[[int], VAE]",
    epochs: tuple[int, int],
    *,
    rate: Rate,
    **facts: Any,
) -> Recipe:
    """A recipe of a VAE and of flow matching of its latent vectors, in two stages.

    Args:
        autoencoder: Builds the compiled VAE from its seed.
        epochs: Epochs of the two stages.
        rate: Learning rate of the second stage.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, vae: "VAE", steps: int | None = None) -> "Latent":
        import keras_gen as kg

        prior = kg.Diffusion(
            kg.networks.mlp_denoiser(vae.latent.shape, units=(256, 256, 256)),
            **flow_matching(),
            sampling=kg.samplers.Sampling("heun", kg.samplers.Uniform(), 10),
            inputs=vae.latent,
            seed=seed,
        )
        return compiled(kg.Latent(vae, prior), rate, steps)

    stages = (
        Stage("autoencoder", autoencoder, epochs=epochs[0]),
        Stage("prior", build, epochs=epochs[1], rate=rate),
    )
    return Recipe(stages=stages, family="latent diffusion", **facts)
