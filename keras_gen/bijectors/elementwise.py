"""Bijectors of single values, from parameters that a network gives.

With parameters of 0 each is the identity, so that a flow begins as one.
"""

import abc

import tensorflow as tf

from ..serialization import value
from ..validation import check_positive
from .base import Bijector


class Elementwise(abc.ABC):
    """A family of bijectors of one value.

    Attributes:
        num_parameters: Parameters per value.
    """

    num_parameters: int

    @abc.abstractmethod
    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """The bijector of values `(...)` from parameters `(..., num_parameters)`."""


@value
class Additive(Elementwise):
    """Adds a shift: the volume stays.

    References:
        Dinh, Krueger and Bengio, "NICE", 2014, section 3.2.
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
        limit: The log of the factor stays in (-limit, limit), > 0. Where it is large
            (5), all layers together can throw a point far out, and the loss jumps.

    References:
        Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", 2017,
        eq. 4.
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
        num_bins: Number of bins, at least 2.
        bound: Half the width of the interval, > 0.
        smallest: Least width and height of a bin, as a share of the interval, and
            least slope; > 0, and below 1 / num_bins.

    References:
        Durkan, Bekasov, Murray and Papamakarios, "Neural spline flows", 2019,
        section 3.1.
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
                "num_bins must be at least 2 and below 1 / smallest, received "
                f"{self.num_bins} bins and smallest={self.smallest}."
            )

    @property
    def num_parameters(self) -> int:
        """A width and a height per bin, a slope at each inner knot."""
        return 3 * self.num_bins - 1

    def __call__(self, parameters: tf.Tensor) -> Bijector:
        """The spline; see the class."""
        from .tfp import Spline

        bins_first = [parameters.shape.rank - 1, *range(parameters.shape.rank - 1)]
        sizes = [self.num_bins, self.num_bins, self.num_bins - 1]
        *sides, slopes = tf.split(tf.transpose(parameters, bins_first), sizes)
        logits = tf.stack(sides, axis=1)
        return Spline(logits, slopes, bound=self.bound, smallest=self.smallest)
