"""Bijectors of single values, with parameters from a network.

Parameters of 0 make each the identity, so that a flow starts as the identity.
"""

import abc

import tensorflow as tf

from ..serialization import value
from ..validation import check_positive
from .lazy import Bijector


class Elementwise(abc.ABC):
    """A family of bijectors of one value.

    Attributes:
        num_parameters: Parameters per value.

    Example:
        >>> kg.bijectors.Affine().num_parameters
        2
        >>> identity = kg.bijectors.Affine()(tf.zeros((3, 2)))
        >>> identity.forward(tf.constant([1.0, 2.0, 3.0])).numpy()
        array([1., 2., 3.], dtype=float32)
    """

    num_parameters: int

    @abc.abstractmethod
    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """The bijector of values `(...)` from parameters `(..., num_parameters)`."""


@value
class Additive(Elementwise):
    """Adds a shift, which preserves the volume.

    References:
        Dinh, Krueger and Bengio, "NICE", 2014, section 3.2.

    Example:
        >>> shift = kg.bijectors.Additive()(tf.constant([[3.0]]))
        >>> shift.forward(tf.constant([1.0])).numpy()
        array([4.], dtype=float32)
    """

    num_parameters = 1

    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """`y = x + shift`."""
        from .tfp import tfb

        return tfb.Shift(parameters[..., 0])


@value
class Affine(Elementwise):
    """Multiplies by a positive factor and adds a shift.

    Attributes:
        limit: The log of the factor is in (-limit, limit), > 0. Large values such as 5
            make training unstable: several layers can move a point very far.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        eq. 4.

    Example:
        >>> layer = kg.bijectors.Coupling(kg.bijectors.Affine(limit=0.5), units=(8,))
        >>> layer.prepare((2,))
        (2,)
    """

    limit: float = 1.0
    num_parameters = 2

    def __post_init__(self) -> None:
        check_positive(self.limit, "limit")

    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """`y = exp(limit * tanh(raw / limit)) * x + shift`."""
        from .tfp import tfb

        shift, raw = tf.unstack(parameters, 2, axis=-1)
        log_scale = self.limit * tf.tanh(raw / self.limit)
        return tfb.Chain(
            [tfb.Shift(shift), tfb.Scale(log_scale=log_scale)], name="affine"
        )


@value
class RationalQuadraticSpline(Elementwise):
    """A monotone spline on [-bound, bound], the identity outside.

    Attributes:
        num_bins: Number of bins, >= 2.
        bound: Half the width of the interval, > 0.
        smallest: Smallest width and height of a bin, as a share of the interval, and
            smallest slope, in (0, 1 / num_bins).

    References:
        Durkan, Bekasov, Murray and Papamakarios, "Neural spline flows", 2019,
        section 3.1.

    Example:
        >>> spline = kg.bijectors.RationalQuadraticSpline(num_bins=4, bound=3.0)
        >>> spline.num_parameters  # 4 widths, 4 heights, 3 slopes
        11
        >>> identity = spline(tf.zeros((2, 11)))
        >>> identity.forward(tf.constant([1.0, 7.0])).numpy()
        array([1., 7.], dtype=float32)
    """

    num_bins: int = 8
    bound: float = 5.0
    smallest: float = 1e-3

    def __post_init__(self) -> None:
        check_positive(self.num_bins, "num_bins", integer=True)
        check_positive(self.bound, "bound")
        check_positive(self.smallest, "smallest")
        if self.num_bins < 2 or self.num_bins * self.smallest >= 1:
            raise ValueError(
                "num_bins must be >= 2 and < 1 / smallest, received "
                f"num_bins={self.num_bins} and smallest={self.smallest}."
            )

    @property
    def num_parameters(self) -> int:
        """A width and a height per bin, and a slope per inner knot."""
        return 3 * self.num_bins - 1

    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """The spline; see the class."""
        from .tfp import Spline

        bins_first = [parameters.shape.rank - 1, *range(parameters.shape.rank - 1)]
        sizes = [self.num_bins, self.num_bins, self.num_bins - 1]
        *sides, slopes = tf.split(tf.transpose(parameters, bins_first), sizes)
        logits = tf.stack(sides, axis=1)
        return Spline(logits, slopes, bound=self.bound, smallest=self.smallest)
