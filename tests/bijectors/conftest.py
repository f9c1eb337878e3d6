"""One line per bijector, shared by the tests of every property."""

import random
from contextlib import contextmanager
from functools import cached_property

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import bijectors as bj

from ..marks import but_slow

SMALL = {"units": (8,), "activation": "tanh"}
SPLINE = bj.RationalQuadraticSpline(num_bins=4, bound=3.0)
CASES = {  # name: what makes it, shape of an event, size of the context
    "standardization": (bj.Standardization, (3,), 0),
    "activation normalization of images": (bj.ActNorm, (2, 2, 3), 0),
    "linear": (lambda: bj.InvertibleLinear(seed=1), (5,), 0),
    "linear of images": (bj.InvertibleLinear, (2, 2, 3), 0),
    "reverse": (lambda: bj.Permutation("reverse"), (4,), 0),
    "random order": (lambda: bj.Permutation("random", seed=3), (1, 2, 5), 0),
    "additive coupling": (lambda: bj.Coupling(bj.Additive(), **SMALL), (4,), 0),
    "affine coupling": (lambda: bj.Coupling(bj.Affine(), **SMALL), (3,), 0),
    "swapped coupling": (lambda: bj.Coupling(swap=True, **SMALL), (5,), 2),
    "spline coupling": (lambda: bj.Coupling(SPLINE, **SMALL), (3,), 0),
    "conditional spline coupling": (lambda: bj.Coupling(SPLINE, **SMALL), (2,), 3),
    "coupling of images": (lambda: bj.Coupling(**SMALL), (2, 2, 3), 0),
    "swapped coupling of images": (
        lambda: bj.Coupling(SPLINE, swap=True, **SMALL),
        (2, 2, 3),
        0,
    ),
    "conditional coupling of images": (lambda: bj.Coupling(**SMALL), (2, 3, 2), 2),
    "autoregressive": (lambda: bj.Autoregressive(**SMALL), (4,), 0),
    "autoregressive of one value": (lambda: bj.Autoregressive(**SMALL), (1,), 2),
    "conditional autoregressive": (lambda: bj.Autoregressive(**SMALL), (3,), 2),
    "inverse autoregressive": (
        lambda: bj.Autoregressive(inverse=True, **SMALL),
        (3,),
        2,
    ),
    "autoregressive spline": (lambda: bj.Autoregressive(SPLINE, **SMALL), (3,), 2),
    "inverse autoregressive spline": (
        lambda: bj.Autoregressive(SPLINE, inverse=True, **SMALL),
        (3,),
        0,
    ),
    "planar": (lambda: bj.Planar(seed=1), (3,), 0),
    "radial": (lambda: bj.Radial(seed=1), (3,), 0),
    "squeeze": (bj.Squeeze, (2, 4, 2), 0),
    "squeeze of series": (bj.Squeeze, (6, 2), 0),
    "flatten": (bj.Flatten, (2, 2, 2), 0),
    "logit": (bj.Logit, (4,), 0),
    "logit without margin": (lambda: bj.Logit(margin=0), (2, 2, 1), 0),
    "part": (lambda: bj.MultiscaleSplit([bj.Coupling(**SMALL)]), (2, 2, 5), 2),
    "squeezed part": (
        lambda: bj.MultiscaleSplit([bj.Squeeze(), bj.InvertibleLinear()]),
        (2, 2, 3),
        0,
    ),
    "chain": (
        lambda: bj.Chain(
            [
                bj.Logit(),
                bj.Squeeze(),
                bj.ActNorm(),
                bj.Flatten(),
                bj.Autoregressive(**SMALL),
                bj.Planar(),
            ]
        ),
        (2, 2, 1),
        2,
    ),
    "nice": (lambda: bj.Chain(bj.nice(3, **SMALL)), (3,), 0),
    "real_nvp": (lambda: bj.Chain(bj.real_nvp(3, **SMALL)), (3,), 2),
    "neural_spline": (
        lambda: bj.Chain(bj.neural_spline(2, num_bins=4, **SMALL)),
        (3,),
        0,
    ),
    "autoregressive neural_spline": (
        lambda: bj.Chain(bj.neural_spline(2, num_bins=4, autoregressive=True, **SMALL)),
        (3,),
        2,
    ),
    "masked_autoregressive": (
        lambda: bj.Chain(bj.masked_autoregressive(2, **SMALL)),
        (3,),
        0,
    ),
    "inverse masked_autoregressive": (
        lambda: bj.Chain(bj.masked_autoregressive(2, inverse=True, **SMALL)),
        (3,),
        2,
    ),
    "glow": (lambda: bj.Chain([bj.Logit(), *bj.glow(2, 1, **SMALL)]), (4, 4, 1), 0),
    "multi_scale_real_nvp": (
        lambda: bj.Chain(bj.multi_scale_real_nvp(2, 3, **SMALL)),
        (4, 4, 2),
        0,
    ),
    "conditional glow of series": (lambda: bj.Chain(bj.glow(2, 1, **SMALL)), (8, 1), 2),
    "conditional glow": (lambda: bj.Chain(bj.glow(1, 2, **SMALL)), (2, 2, 1), 2),
}
UNIT = ("logit", "logit without margin", "chain", "glow")  # of data in [0, 1]
FIXED = ("reverse", "random order", "squeeze", "squeeze of series", "flatten")
FIXED += ("standardization", *UNIT[:2])


@contextmanager
def policy(name):
    """A global dtype policy for a while."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class Case:
    """A bijector whose weights are away from their start, with data and context."""

    def __init__(self, name, dtype):
        make, self.shape, self.context_size = CASES[name]
        self.name, self.unit, self.fixed = name, name in UNIT, name in FIXED
        random.seed(0)
        with policy(dtype):
            self.layer = make()
            self.latent_shape = self.layer.prepare(self.shape, self.context_size)
        rng = np.random.default_rng(0)
        for weight in self.layer.weights:
            weight.assign_add(rng.normal(0, 0.3, weight.shape))
        wide = "float64" if dtype == "float64" else "float32"
        draw = rng.random if self.unit else rng.normal
        self.x = tf.constant(draw(size=(6, *self.shape)), wide)
        context = rng.normal(size=(6, self.context_size))
        self.context = tf.constant(context, wide) if self.context_size else None

    def inverse(self, x, context=None):
        """Latent side and log-determinant of tensors that no bijector remembers."""
        context = self.context if context is None else context
        bijector, x = self.layer.bijector(context), tf.identity(x)
        log_det = bijector.inverse_log_det_jacobian(x, len(self.shape))
        return bijector.inverse(x), log_det + tf.zeros(len(x), x.dtype)

    def forward(self, z):
        """Data and log-determinant of tensors that no bijector remembers."""
        bijector, z = self.layer.bijector(self.context), tf.identity(z)
        log_det = bijector.forward_log_det_jacobian(z, len(self.latent_shape))
        return bijector.forward(z), log_det + tf.zeros(len(z), z.dtype)

    def to_latent(self, x):
        """The way of `inverse` alone."""
        return self.layer.bijector(self.context).inverse(tf.identity(x))

    def to_data(self, z):
        """The way of `forward` alone."""
        return self.layer.bijector(self.context).forward(tf.identity(z))

    @cached_property
    def latent(self):
        """What `inverse` makes of the data."""
        return self.inverse(self.x)


SLOW = ("multi_scale_real_nvp", "swapped coupling of images", "neural_spline")
SLOW += ("inverse autoregressive spline", "inverse masked_autoregressive")
SLOW += ("masked_autoregressive", "autoregressive neural_spline", "squeezed part")
SLOW += ("conditional spline coupling", "coupling of images")  # parts of others


@pytest.fixture(scope="session", params=but_slow([*CASES], SLOW))
def wide(request):
    """Every bijector in float64."""
    return Case(request.param, "float64")


@pytest.fixture(scope="session", params=but_slow([*CASES], SLOW))
def narrow(request):
    """Every bijector in float32."""
    return Case(request.param, "float32")


@pytest.fixture
def rebuild():
    """Builds a case by name under a dtype policy."""
    return Case
