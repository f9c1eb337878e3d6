"""Translation of images, learned from pairs."""

from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..kinds import PAIRS
from ..model_settings import EMADecay
from ..preset import sides
from ..settings import Says
from ..translations import networks_of, times_halved, translation_preset

if TYPE_CHECKING:
    from keras_gen.specs import Spec

WIDEST, BOTTOM = 8, 4  # channels over those of the first layer; innermost side


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of the generator, one for each halving. Default: by the size."),
    ] = None,
    dropout: Annotated[
        float, Says("Share of the innermost values that are dropped.", 0, 0.9)
    ] = 0.5,
    l1_weight: Annotated[
        float, Says("Factor of the mean absolute error.", least=0)
    ] = 100.0,
    ema_decay: EMADecay = 0.999,
) -> "kg.Pix2Pix":
    """The model."""
    del steps
    how = {"channels": channels or _channels(inputs, width), "dropout": dropout}
    networks = networks_of(kg.networks.pix2pix, inputs, condition, width, **how)
    return kg.Pix2Pix(*networks, l1_weight=l1_weight, ema_decay=ema_decay, seed=seed)


def _channels(inputs: "Spec", width: int) -> tuple[int, ...]:
    """Channels of a U-Net that halves the sides as often as they can be."""
    count = times_halved(inputs)
    while count > 1 and min(sides(inputs)) >> count < BOTTOM:
        count -= 1
    return tuple(width * min(2**i, WIDEST) for i in range(max(1, count)))


recipe = translation_preset(make=make, reads=PAIRS, source="Isola et al. 2017")
