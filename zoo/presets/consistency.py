"""Consistency training of a U-Net, or of a dense network of vectors."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

from ..diffusions import denoiser_of
from ..model_settings import (
    BlockDropout,
    Blocks,
    DenoiserUnits,
    EMADecay,
    Heads,
    Patch,
    SizeChannels,
)
from ..optimizing import Cosine
from ..preset import ARRAYS, Preset
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.specs import Spec

STEPS = 10_000  # of a run, if they are unknown


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    channels: SizeChannels = None,
    patch: Patch = None,
    blocks: Blocks = 1,
    heads: Heads = 4,
    dropout: BlockDropout = 0.0,
    units: DenoiserUnits = None,
    num_steps: Annotated[int, Says("Steps of sampling.", least=1)] = 2,
    halvings: Annotated[
        float, Says("Halvings of the gap between noise levels by the end.", least=1)
    ] = 9.0,
    ema_decay: EMADecay = 0.999,
) -> "kg.Consistency":
    """The model."""
    sizes: dict[str, Any] = {"channels": channels, "units": units, "blocks": blocks}
    sizes |= {"patch": patch, "heads": heads, "dropout": dropout}
    return kg.Consistency(
        denoiser_of(inputs, condition, width, **sizes),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        gaps=kg.objectives.ShrinkingGaps(steps or STEPS, last=halvings),
        sampling=kg.samplers.few_steps(num_steps),
        ema_decay=ema_decay,
        inputs=inputs,
        condition=condition,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=ARRAYS,
    family="consistency",
    rate=Cosine(1e-3, 1),
    source="Song et al. 2023, Geng et al. 2024",
)
