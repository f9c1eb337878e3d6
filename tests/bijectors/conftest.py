"""One line per bijector, shared by the tests of every property."""

from contextlib import contextmanager
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import bijectors as bj

SMALL = {"units": (8,), "activation": "tanh"}
SPLINE = bj.RationalQuadraticSpline(bins=4, bound=3.0)
CASES = {  # name: what makes it, shape of an event, size of the context
    "standardization": (bj.Standardization, (3,), 0),
    "activation normalization of images": (bj.ActivationNormalization, (2, 2, 3), 0),
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
    "flatten": (bj.Flatten, (2, 2, 2), 0),
    "logit": (bj.Logit, (4,), 0),
    "logit without margin": (lambda: bj.Logit(margin=0), (2, 2, 1), 0),
    "part": (lambda: bj.Part([bj.Coupling(**SMALL)]), (2, 2, 5), 2),
    "squeezed part": (
        lambda: bj.Part([bj.Squeeze(), bj.InvertibleLinear()]),
        (2, 2, 3),
        0,
    ),
    "chain": (
        lambda: bj.Chain(
            [
                bj.Logit(),
                bj.Squeeze(),
                bj.ActivationNormalization(),
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
    "neural_spline": (lambda: bj.Chain(bj.neural_spline(2, bins=4, **SMALL)), (3,), 0),
    "autoregressive neural_spline": (
        lambda: bj.Chain(bj.neural_spline(2, bins=4, autoregressive=True, **SMALL)),
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
    "conditional glow": (lambda: bj.Chain(bj.glow(1, 2, **SMALL)), (2, 2, 1), 2),
}
UNIT = ("logit", "logit without margin", "chain", "glow")  # of data in [0, 1]
FIXED = ("reverse", "random order", "squeeze", "flatten")
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


def build(name, dtype):
    """A case whose weights are away from their start, with data and context."""
    make, shape, context_size = CASES[name]
    keras.utils.set_random_seed(0)
    with policy(dtype):
        layer = make()
        latent_shape = layer.prepare(shape, context_size)
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign_add(rng.normal(0, 0.3, weight.shape))
    wide = "float64" if dtype == "float64" else "float32"
    x = rng.random((6, *shape)) if name in UNIT else rng.normal(size=(6, *shape))
    context = rng.normal(size=(6, context_size)) if context_size else None
    return SimpleNamespace(
        name=name,
        layer=layer,
        shape=shape,
        latent_shape=latent_shape,
        context_size=context_size,
        x=tf.constant(x, wide),
        context=None if context is None else tf.constant(context, wide),
        unit=name in UNIT,
        fixed=name in FIXED,
    )


@pytest.fixture(scope="session", params=CASES)
def wide(request):
    """Every bijector in float64."""
    return build(request.param, "float64")


@pytest.fixture(scope="session", params=CASES)
def narrow(request):
    """Every bijector in float32."""
    return build(request.param, "float32")


@pytest.fixture
def rebuild():
    """Builds a case by name under a dtype policy."""
    return build
