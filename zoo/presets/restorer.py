"""Flow matching of clean images, series or clips given corrupted ones."""

from typing import TYPE_CHECKING, Annotated, Literal

import keras_gen as kg

from ..diffusions import flow_matching, unet_of
from ..model_settings import (
    BlockDropout,
    Blocks,
    EMADecay,
    Heads,
    Patch,
    SizeChannels,
)
from ..optimizing import Cosine
from ..preset import SMALLEST, Preset
from ..settings import Says
from ..usage import UsageError

if TYPE_CHECKING:
    from keras_gen.objectives.corruption import Corruption
    from keras_gen.specs import Spec

FACTORS, DEVIATION, SHARE = (4, 2), 0.2, 0.5


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    corruption: Annotated[
        Literal["low_resolution", "noise", "masking", "salt_and_pepper"] | None,
        Says("What is undone. Default: low_resolution of even images, else noise."),
    ] = None,
    strength: Annotated[
        float | None,
        Says("Times smaller (4 or 2), deviation of noise (0.2) or share changed (0.5)"),
    ] = None,
    channels: SizeChannels = None,
    patch: Patch = None,
    blocks: Blocks = 1,
    heads: Heads = 4,
    dropout: BlockDropout = 0.0,
    ema_decay: EMADecay = 0.999,
) -> "kg.Restorer":
    """The model."""
    del steps
    can_shrink = _default_factor(inputs) is not None
    kind = corruption or ("low_resolution" if can_shrink else "noise")
    sizes = {"blocks": blocks, "heads": heads, "dropout": dropout}
    sizes["condition_channels"] = inputs.shape[-1]
    return kg.Restorer(
        unet_of(inputs, condition, width, channels, patch, **sizes),
        corruption=_corruption(kind, strength, inputs),
        **flow_matching(),
        ema_decay=ema_decay,
        inputs=inputs,
        condition=condition,
        seed=seed,
    )


def _default_factor(inputs: "Spec") -> int | None:
    """How many times smaller images become, or None if nothing suits."""
    return next((n for n in FACTORS if _is_divided(inputs, n)), None)


def _is_divided(inputs: "Spec", factor: float) -> bool:
    """Whether the examples are images whose sides have this divisor."""
    is_image = isinstance(inputs, kg.specs.Images)
    return is_image and factor >= 2 and not any(n % factor for n in inputs.shape[:2])


def _corruption(kind: str, strength: float | None, inputs: "Spec") -> "Corruption":
    """The corruption of a kind and strength.

    Raises:
        UsageError: If it does not suit the examples.
    """
    if kind == "noise":
        return kg.objectives.GaussianNoise(strength or DEVIATION)
    if kind == "low_resolution":
        factor = strength or _default_factor(inputs) or FACTORS[-1]
        if not _is_divided(inputs, factor):
            raise UsageError(
                "corruption low_resolution makes images smaller, strength times, a "
                "divisor of height and width from 2, received "
                f"strength={factor:g} and {inputs}."
            )
        return kg.LowResolution(int(factor))
    share = strength or SHARE
    if share >= 1:
        raise UsageError(
            f"strength must be a share below 1 for {kind}, received {share:g}."
        )
    make = {"masking": kg.objectives.Masking, "salt_and_pepper": kg.SaltAndPepper}
    return make[kind](share)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips"),
    smallest=SMALLEST,
    family="diffusion",
    rate=Cosine(1e-3, 1),
    source="Saharia et al. 2021 and 2022, Lipman et al. 2023",
)
