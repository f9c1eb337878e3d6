"""The usual flows: lists of bijectors for `Flow`."""

from collections.abc import Callable, Sequence

from ..validation import check_count
from .base import LazyBijector
from .conditional import Autoregressive, Coupling
from .elementwise import Additive, Affine, RationalQuadraticSpline
from .linear import (
    ActNorm,
    InvertibleLinear,
    Permutation,
    Standardization,
)
from .shaping import MultiscaleSplit, Squeeze

Bijectors = list[LazyBijector]


def nice(
    num_couplings: int = 4, *, units: Sequence[int] = (64, 64), activation: str = "relu"
) -> Bijectors:
    """Additive couplings, halves in turn, and a learned scale at the latent end.

    Args:
        num_couplings: Number of couplings, at least 2, so that every value is moved.
        units: Widths of the hidden layers of each coupling's network.
        activation: Activation of the hidden layers.

    References:
        Dinh, Krueger and Bengio, "NICE", 2014, section 3.
    """
    check_count(num_couplings, "num_couplings", least=2)
    return [
        Standardization(),
        *(
            Coupling(Additive(), swap=i % 2 == 1, units=units, activation=activation)
            for i in range(num_couplings)
        ),
        ActNorm(),
    ]


def real_nvp(
    num_couplings: int = 8, *, units: Sequence[int] = (64, 64), activation: str = "relu"
) -> Bijectors:
    """Affine couplings, halves in turn, between activation normalizations.

    Args:
        num_couplings: Number of couplings, at least 2, so that every value is moved.
        units: Widths of the hidden layers of each coupling's network.
        activation: Activation of the hidden layers.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017.
    """
    check_count(num_couplings, "num_couplings", least=2)
    bijectors: Bijectors = [Standardization()]
    for i in range(num_couplings):
        options = {"units": units, "activation": activation}
        bijectors.append(Coupling(Affine(), swap=i % 2 == 1, **options))
        bijectors.append(ActNorm())
    return bijectors


def neural_spline(
    num_layers: int = 5,
    *,
    num_bins: int = 8,
    bound: float = 5.0,
    units: Sequence[int] = (64, 64),
    activation: str = "relu",
    autoregressive: bool = False,
    seed: int = 0,
) -> Bijectors:
    """Rational-quadratic splines, each after a learned linear map.

    Args:
        num_layers: Number of spline layers.
        num_bins: Bins of each spline.
        bound: The splines act on [-bound, bound] of standardised data.
        units: Widths of the hidden layers of each network.
        activation: Activation of the hidden layers.
        autoregressive: Whether each value's spline depends on all values before it;
            sampling is then a loop over the values. Otherwise couplings.
        seed: Decides the linear maps.

    References:
        Durkan, Bekasov, Murray and Papamakarios, "Neural spline flows", 2019,
        section 4.
    """
    check_count(num_layers, "num_layers")
    layer = Autoregressive if autoregressive else Coupling
    spline = RationalQuadraticSpline(num_bins=num_bins, bound=bound)
    bijectors: Bijectors = [Standardization()]
    for i in range(num_layers):
        bijectors.append(InvertibleLinear(seed=seed + i))
        bijectors.append(layer(spline, units=units, activation=activation))
    return bijectors


def masked_autoregressive(
    num_layers: int = 5,
    *,
    units: Sequence[int] = (64, 64),
    activation: str = "relu",
    inverse: bool = False,
) -> Bijectors:
    """Affine autoregressive layers, the order reversed after each: MAF, or IAF.

    Activation normalization stands for the batch normalization of the reference.

    Args:
        num_layers: Number of autoregressive layers.
        units: Widths of the hidden layers of each network.
        activation: Activation of the hidden layers.
        inverse: Whether sampling is the quick direction (IAF) instead of the density.

    References:
        Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density
        estimation", 2017; Kingma et al., "Improving variational inference with inverse
        autoregressive flow", 2016.
    """
    check_count(num_layers, "num_layers")
    bijectors: Bijectors = [Standardization()]
    for _ in range(num_layers):
        options = {"units": units, "activation": activation, "inverse": inverse}
        bijectors += [Autoregressive(Affine(), **options), Permutation("reverse")]
        bijectors.append(ActNorm())
    return bijectors


def glow(
    num_levels: int = 2,
    num_steps: int = 8,
    *,
    units: Sequence[int] = (128, 128),
    activation: str = "relu",
    seed: int = 0,
) -> Bijectors:
    """A multi-scale flow of images: squeeze, steps, and half of the channels is done.

    A step is activation normalization, a learned mixing of the channels and an affine
    coupling with a convolutional network. Put `Logit()` before it for images in [0, 1].

    Args:
        num_levels: Number of scales: both sides of the image divide by 2 ** levels.
        num_steps: Steps per scale.
        units: Channels of the hidden layers of each network.
        activation: Activation of the hidden layers.
        seed: Decides the mixing at the start.

    References:
        Kingma and Dhariwal, "Glow", 2018, section 3.
    """
    check_count(num_steps, "num_steps")

    def steps(level: int) -> Bijectors:
        first = seed + level * num_steps
        return [
            bijector
            for i in range(first, first + num_steps)
            for bijector in (
                ActNorm(),
                InvertibleLinear(seed=i),
                Coupling(Affine(), units=units, activation=activation),
            )
        ]

    return multi_scale(steps, num_levels)


def multi_scale_real_nvp(
    num_levels: int = 2,
    num_couplings: int = 8,
    *,
    units: Sequence[int] = (128, 128),
    activation: str = "relu",
    seed: int = 0,
) -> Bijectors:
    """A multi-scale flow of images by couplings of channels, halves in turn.

    Instead of the reference's checkerboards, the halves are those that a squeeze makes,
    the rows of even and of odd number, and a fixed random order of the channels comes
    after each pair of couplings. Put `Logit()` before it for images in [0, 1].

    Args:
        num_levels: Number of scales: both sides of the image divide by 2 ** levels.
        num_couplings: Couplings per scale, at least 2.
        units: Channels of the hidden layers of each network.
        activation: Activation of the hidden layers.
        seed: Decides the orders of the channels.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        section 3.6.
    """
    check_count(num_couplings, "num_couplings", least=2)

    def couplings(level: int) -> Bijectors:
        bijectors: Bijectors = []
        for i in range(num_couplings):
            swap = i % 2 == 1
            options = {"swap": swap, "units": units, "activation": activation}
            bijectors += [ActNorm(), Coupling(Affine(), **options)]
            if swap:
                order_seed = seed + level * num_couplings + i
                bijectors.append(Permutation("random", seed=order_seed))
        return bijectors

    return multi_scale(couplings, num_levels)


def multi_scale(steps: Callable[[int], Bijectors], num_levels: int) -> Bijectors:
    """Per scale, a squeeze, the steps, and half of the channels is done.

    Args:
        steps: From the number of a scale, 0 next to the data, to its bijectors.
        num_levels: Number of scales: both sides of the image divide by 2 ** levels.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        section 3.6.
    """
    check_count(num_levels, "num_levels")
    inner: Bijectors = []
    for level in reversed(range(num_levels)):
        scale = [Squeeze(), *steps(level)]
        inner = [*scale, MultiscaleSplit(inner)] if inner else scale
    return inner
