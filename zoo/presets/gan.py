"""A relativistic GAN with R1 and R2, dense, residual or style-based."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import keras_gen as kg

from ..model_settings import Channels
from ..preset import ARRAYS, Preset, suits_convolutions
from ..preset import channels as usual_channels
from ..settings import Says
from ..usage import UsageError

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    noise_size: Annotated[
        int | None, Says("Numbers of the noise. Default: 128 of images, 2 x width.")
    ] = None,
    network: Annotated[
        Literal["residual", "style"], Says("Kind of the networks.", of="images")
    ] = "residual",
    channels: Channels = None,
    units: Annotated[
        tuple[int, ...] | None,
        Says("Units of each layer. Default: 8 x width, 8 x width.", of="others"),
    ] = None,
    gradient_penalty: Annotated[
        float, Says("Factor of the penalties R1 and R2 of the discriminator.", least=0)
    ] = 1.0,
    discriminator_steps: Annotated[
        int, Says("Steps of the discriminator for one of the generator.")
    ] = 1,
    packing: Annotated[
        int, Says("Examples that the discriminator sees together.", most=64)
    ] = 1,
    ema_decay: Annotated[
        float | None, Says("Decay of the moving average of the generator.", 0, 0.999999)
    ] = 0.999,
) -> "kg.GAN":
    """The model."""
    del steps
    sizes: dict[str, Any] = {"num_classes": kg.specs.num_classes(condition)}
    sizes["packing"] = packing
    if suits_convolutions(inputs):
        sizes["channels"] = channels or usual_channels(inputs, width)
        build = kg.networks.style_gan
        if network == "residual":
            build = kg.networks.residual_gan
            sizes |= {"spectral_norm": False, "batch_norm": False}
        elif not isinstance(inputs, kg.specs.Images):
            raise UsageError(f"network=style is for images, received {inputs}.")
        pair = build(inputs.shape, noise_size or 128, **sizes)
    else:
        units = units or (8 * width, 8 * width)
        sizes |= {"generator_units": units, "discriminator_units": units}
        pair = kg.networks.mlp_gan(inputs.shape, noise_size or 2 * width, **sizes)
    penalties = [kg.R1(gradient_penalty), kg.R2(gradient_penalty)]
    return kg.GAN(
        *pair,
        objective=kg.RelativisticPairing(),
        regularizers=penalties if gradient_penalty else [],
        discriminator_steps=discriminator_steps,
        packing=packing,
        ema_decay=ema_decay,
        inputs=inputs,
        condition=condition,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=ARRAYS,
    family="GAN",
    rate=2e-4,
    adam={"beta_1": 0.0, "beta_2": 0.99},
    source="Huang et al. 2025",
)
