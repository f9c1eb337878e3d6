"""Flow matching with a U-Net, or a dense network of vectors."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

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
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of each size. Default: width to 4 x width.", of="images"),
    ] = None,
    blocks: Annotated[int, Says("Residual blocks of each size.", of="images")] = 1,
    heads: Annotated[int, Says("Heads of attention.", of="images")] = 4,
    dropout: Annotated[
        float, Says("Share of features set to 0 in training.", 0, 0.99, of="images")
    ] = 0.0,
    units: Annotated[
        tuple[int, ...] | None,
        Says("Units of each layer. Default: three times 16 x width.", of="others"),
    ] = None,
    label_dropout: Annotated[
        float, Says("Share of labels hidden in training, for guidance.", 0, 0.99)
    ] = 0.1,
    guidance_scale: Annotated[
        float, Says("Default strength of guidance by the class.", least=0)
    ] = 1.0,
    ema_decay: Annotated[
        float | None, Says("Decay of the moving average of the weights.", 0, 0.999999)
    ] = 0.999,
) -> "kg.Diffusion":
    """The model."""
    classes: Any = {"num_classes": kg.specs.num_classes(condition)}
    if suits_convolutions(inputs):
        usual = usual_channels(inputs, width)
        sizes: dict[str, Any] = {"blocks": blocks, "heads": heads, "dropout": dropout}
        sizes["channels"] = channels or (*usual, usual[-1])
        network = kg.networks.unet(inputs.shape, **sizes, **classes)
    else:
        units = units or (16 * width,) * 3
        network = kg.networks.mlp_denoiser(inputs.shape, units=units, **classes)
    return kg.Diffusion(
        network,
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        label_dropout=label_dropout,
        guidance_scale=guidance_scale,
        ema_decay=ema_decay,
        inputs=inputs,
        condition=condition,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=ARRAYS,
    family="diffusion",
    rate=Cosine(1e-3, 1),
    source="Lipman et al. 2023, Esser et al. 2024",
)
