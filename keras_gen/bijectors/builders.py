"""The usual flows: lists of bijectors for `Flow`."""

from collections.abc import Callable, Sequence

from ..validation import check_count
from .conditional import Autoregressive, Coupling
from .elementwise import Additive, Affine, RationalQuadraticSpline
from .lazy import LazyBijector
from .linear import (
    ActNorm,
    InvertibleLinear,
    Permutation,
    Standardization,
)
from .shaping import MultiscaleSplit, Squeeze
from .simple import Planar

Bijectors = list[LazyBijector]


def nice(
    num_couplings: int = 4, *, units: Sequence[int] = (64, 64), activation: str = "relu"
) -> Bijectors:
    """Additive couplings of alternating halves, and a learned scale of latent values.

    Args:
        num_couplings: Number of couplings, >= 2, so that every value is transformed.
        units: Widths of the hidden layers of each coupling's network.
        activation: Activation of the hidden layers.

    References:
        Dinh, Krueger and Bengio, "NICE", 2014, section 3.

    Example:
        >>> model = kg.Flow(kg.bijectors.nice(2, units=(8,)), (2,), seed=0)
        >>> model.sample(3, seed=7).shape
        (3, 2)
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
    """Affine couplings of alternating halves, each with activation normalization.

    Args:
        num_couplings: Number of couplings, >= 2, so that every value is transformed.
        units: Widths of the hidden layers of each coupling's network.
        activation: Activation of the hidden layers.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,), seed=0)
        >>> x = np.array([[0.5, -1.0]])
        >>> bool(np.allclose(model.decode(model.encode(x)), x, atol=1e-5))
        True
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
        autoregressive: Whether each value's spline depends on all previous values.
            Sampling is then a loop over the values. Otherwise layers are couplings.
        seed: Seed of the linear maps.

    References:
        Durkan, Bekasov, Murray and Papamakarios, "Neural spline flows", 2019,
        section 4.

    Example:
        >>> model = kg.Flow(kg.bijectors.neural_spline(1, units=(8,)), (2,), seed=0)
        >>> model.log_prob(np.zeros((3, 2))).shape
        (3,)
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
    """Affine autoregressive layers with reversed order after each: MAF, or IAF.

    Activation normalization replaces the batch normalization of the reference.

    Args:
        num_layers: Number of autoregressive layers.
        units: Widths of the hidden layers of each network.
        activation: Activation of the hidden layers.
        inverse: Whether sampling is the fast direction (IAF) instead of the density.

    References:
        Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density
        estimation", 2017; Kingma et al., "Improving variational inference with inverse
        autoregressive flow", 2016.

    Example:
        >>> bijectors = kg.bijectors.masked_autoregressive(1, units=(8,))
        >>> model = kg.Flow(bijectors, (2,), seed=0)
        >>> model.log_prob(np.zeros((3, 2))).shape
        (3,)
    """
    check_count(num_layers, "num_layers")
    bijectors: Bijectors = [Standardization()]
    for _ in range(num_layers):
        options = {"units": units, "activation": activation, "inverse": inverse}
        bijectors += [Autoregressive(Affine(), **options), Permutation("reverse")]
        bijectors.append(ActNorm())
    return bijectors


def inverse_autoregressive(
    num_layers: int = 2, *, units: Sequence[int] = (64, 64), activation: str = "relu"
) -> Bijectors:
    """Affine autoregressive layers of a `FlowPosterior`, in reversed order after each.

    Each makes all values at once, from the values before. They begin as the identity.

    Args:
        num_layers: Number of autoregressive layers.
        units: Widths of the hidden layers of each network.
        activation: Activation of the hidden layers.

    References:
        Kingma et al., "Improving variational inference with inverse autoregressive
        flow", 2016, section 3.

    Example:
        >>> maps = kg.bijectors.inverse_autoregressive(1, units=(8,))
        >>> [type(b).__name__ for b in maps]
        ['Autoregressive', 'Permutation']
    """
    check_count(num_layers, "num_layers")
    options = {"units": units, "activation": activation}
    bijectors: Bijectors = []
    for _ in range(num_layers):
        bijectors += [Autoregressive(Affine(), **options), Permutation("reverse")]
    return bijectors


def planar(
    num_layers: int = 8, *, conditional: bool = True, seed: int = 0
) -> Bijectors:
    """Planar maps of a `FlowPosterior`.

    Args:
        num_layers: Number of maps.
        conditional: Whether the maps depend on the context.
        seed: Seed of the initial weights.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015,
        section 4.1.

    Example:
        >>> posterior = kg.bijectors.FlowPosterior(
        ...     kg.bijectors.planar(4), context_size=8
        ... )
    """
    check_count(num_layers, "num_layers")
    return [Planar(conditional=conditional, seed=seed + i) for i in range(num_layers)]


def glow(
    num_levels: int = 2,
    num_steps: int = 8,
    *,
    units: Sequence[int] = (128, 128),
    activation: str = "relu",
    seed: int = 0,
) -> Bijectors:
    """A multi-scale flow of images or series with learned mixing of channels.

    A step is activation normalization, a learned mixing of the channels and an affine
    coupling with a convolutional network. Put `Logit()` before it for images in [0, 1].
    `real_nvp` takes vectors and clips too.

    Args:
        num_levels: Number of scales. 2 ** num_levels must divide both sides of the
            image, or the length of the series.
        num_steps: Steps per scale.
        units: Channels of the hidden layers of each network.
        activation: Activation of the hidden layers.
        seed: Seed of the initial mixing.

    References:
        Kingma and Dhariwal, "Glow", 2018, section 3.

    Example:
        >>> bijectors = [kg.bijectors.Logit(), *kg.bijectors.glow(1, 1, units=(8, 8))]
        >>> model = kg.Flow(
        ...     bijectors,
        ...     (4, 4, 1),
        ...     dequantization=kg.bijectors.UniformDequantization(256),
        ... )
        >>> model.log_prob(np.zeros((2, 4, 4, 1), np.uint8)).shape
        (2,)
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
    """A multi-scale flow with couplings of alternating halves of channels.

    It takes images and series.

    Instead of the reference's checkerboards, the halves are the even and odd rows that
    a squeeze makes channels of. A fixed random permutation of the channels follows each
    pair of couplings. Put `Logit()` before it for images in [0, 1].

    Args:
        num_levels: Number of scales. 2 ** num_levels must divide both sides of the
            image, or the length of the series.
        num_couplings: Couplings per scale, >= 2.
        units: Channels of the hidden layers of each network.
        activation: Activation of the hidden layers.
        seed: Seed of the orders of the channels.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        section 3.6.

    Example:
        >>> couplings = kg.bijectors.multi_scale_real_nvp(1, 2, units=(8, 8))
        >>> model = kg.Flow([kg.bijectors.Logit(), *couplings], (4, 4, 1))
        >>> model.sample(2, seed=7).shape
        (2, 4, 4, 1)
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
    """A squeeze and steps per scale. Half of the channels go on to the next scale.

    Args:
        steps: A function from the number of a scale, 0 next to the data, to its
            bijectors.
        num_levels: Number of scales. 2 ** num_levels must divide both sides of the
            image, or the length of the series.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        section 3.6.

    Example:
        >>> def steps(level):
        ...     return [kg.bijectors.Coupling(units=(8,)), kg.bijectors.ActNorm()]
        >>> [type(b).__name__ for b in kg.bijectors.multi_scale(steps, num_levels=2)]
        ['Squeeze', 'Coupling', 'ActNorm', 'MultiscaleSplit']
    """
    check_count(num_levels, "num_levels")
    inner: Bijectors = []
    for level in reversed(range(num_levels)):
        scale = [Squeeze(), *steps(level)]
        inner = [*scale, MultiscaleSplit(inner)] if inner else scale
    return inner
