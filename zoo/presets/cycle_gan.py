"""Translation of images between two sets without pairs."""

from typing import TYPE_CHECKING, Annotated

import keras_gen as kg

from ..kinds import UNPAIRED
from ..model_settings import EMADecay
from ..settings import Says
from ..translations import networks_of, times_halved, translation_preset

if TYPE_CHECKING:
    from keras_gen.specs import Spec

HALVINGS = 2


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    channels: Annotated[
        tuple[int, ...] | None,
        Says("Channels of the generators; all but the first halve the sides."),
    ] = None,
    blocks: Annotated[int, Says("Residual blocks of a generator.")] = 6,
    cycle_weight: Annotated[
        float, Says("Factor of the error of images translated and back.", least=0)
    ] = 10.0,
    identity_weight: Annotated[
        float | None,
        Says("Factor of the change of images of the right kind.", least=0),
    ] = None,
    ema_decay: EMADecay = 0.999,
) -> "kg.CycleGAN":
    """The model."""
    del steps
    how = {"channels": channels or _channels(inputs, width), "blocks": blocks}
    networks = networks_of(kg.networks.cycle_gan, inputs, condition, width, **how)
    weights = {"cycle_weight": cycle_weight, "identity_weight": identity_weight}
    return kg.CycleGAN(*networks, **weights, ema_decay=ema_decay, seed=seed)


def _channels(inputs: "Spec", width: int) -> tuple[int, ...]:
    """Channels of generators that halve the sides twice, or as often as they can be."""
    count = min(HALVINGS, times_halved(inputs))
    return tuple(width * 2**i for i in range(count + 1))


recipe = translation_preset(make=make, reads=UNPAIRED, source="Zhu et al. 2017")
