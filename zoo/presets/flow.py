"""A normalizing flow: Glow of images and series, spline couplings of vectors."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

from ..model_settings import Activation
from ..optimizing import Cosine
from ..preset import LEVELS, Preset, halvings, require_even, sides
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(
    inputs: "Spec",
    condition: "Spec | None",
    width: int,
    seed: int,
    *,
    layers: Annotated[
        int, Says("Steps of each scale of images, or spline layers.")
    ] = 6,
    scales: Annotated[
        int, Says("Scales, at most as often as halved.", of="images")
    ] = 3,
    units: Annotated[
        tuple[int, ...] | None,
        Says("Units of each hidden layer. Default: 4 x width, 4 x width."),
    ] = None,
    activation: Activation = "relu",
    bins: Annotated[int, Says("Bins of each spline.", least=2, of="others")] = 8,
    bound: Annotated[
        float, Says("Splines act within so many deviations.", of="others")
    ] = 5.0,
    autoregressive: Annotated[
        bool, Says("One number after the other, slower to sample.", of="others")
    ] = False,
) -> "kg.Flow":
    """The model."""
    known: dict[str, Any] = {"condition": condition, "seed": seed}
    of_layers: dict[str, Any] = {"activation": activation}
    of_layers["units"] = units or (4 * width, 4 * width)
    if not sides(inputs):
        of_layers |= {"num_bins": bins, "bound": bound}
        of_layers["autoregressive"] = autoregressive
        bijectors = kg.bijectors.neural_spline(layers, **of_layers)
        return kg.Flow(bijectors, inputs, **known)
    require_even(inputs, "flow")
    levels = min(scales, *map(halvings, sides(inputs)))
    bijectors = kg.bijectors.glow(levels, layers, **of_layers)
    if isinstance(inputs, kg.specs.Series):
        return kg.Flow(bijectors, inputs, **known)
    bijectors = [kg.bijectors.Logit(), *bijectors]
    grey = kg.bijectors.UniformDequantization(256)
    return kg.Flow(bijectors, inputs, dequantization=grey, **known)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Vectors", "Columns", LEVELS),
    family="flow",
    rate=Cosine(1e-3, 1),
    adam={"clipnorm": 1.0},
    source="Kingma and Dhariwal 2018, Durkan et al. 2019",
)
