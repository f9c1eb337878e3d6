"""Flow matching with a U-Net, or a dense network of vectors.

Images can be conditioned on classes, on captions, or on images of another kind.
"""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..diffusions import denoiser_of, flow_matching
from ..kinds import CAPTIONS, PAIRS
from ..model_settings import (
    BlockDropout,
    Blocks,
    DenoiserUnits,
    EMADecay,
    GuidanceScale,
    Heads,
    LabelDropout,
    Patch,
    SizeChannels,
)
from ..optimizing import Cosine
from ..preset import ARRAYS, Preset

if TYPE_CHECKING:
    from keras_gen.specs import Spec


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
    label_dropout: LabelDropout = 0.1,
    guidance_scale: GuidanceScale = 1.0,
    ema_decay: EMADecay = 0.999,
) -> "kg.Diffusion":
    """The model."""
    del steps
    sizes: dict[str, Any] = {"channels": channels, "units": units, "blocks": blocks}
    sizes |= {"patch": patch, "heads": heads, "dropout": dropout}
    return kg.Diffusion(
        denoiser_of(inputs, condition, width, **sizes),
        **flow_matching(),
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
    told=(CAPTIONS, PAIRS),
    family="diffusion",
    rate=Cosine(1e-3, 1),
    source="Lipman et al. 2023, Esser et al. 2024",
)
