"""A batch of no rows is answered by no rows, in the shape and dtype of the answers."""

import functools
import random

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.export import endpoints, reference

from .conftest import MODELS
from .marks import but_slow

SLOW = ("conditional_image_flow", "conditional_conv_pixels", "unet_diffusion")
NAMES = ("dense_vae", "conv_vae", "conv_gan", "spline_flow", "language_model", *SLOW)


@functools.cache
def model_of(name):
    random.seed(0)
    return MODELS[name]()


@pytest.mark.parametrize("name", but_slow(NAMES, SLOW))
def test_endpoints_answer_no_rows_by_none(name):
    model = model_of(name)
    found = endpoints.endpoints_of(model)
    rows = reference.reference_inputs(model, found, None, 2)
    for endpoint in found:
        none = {k: tf.constant(v[:0]) for k, v in rows[endpoint.name].items()}
        traced = tf.function(endpoint.traceable(), autograph=False)
        traced = traced.get_concrete_function(*endpoint.specs)
        (answer,) = traced(*none.values()).values()
        assert answer.shape == (
            0,
            *traced.structured_outputs[endpoint.output].shape[1:],
        )
        if not endpoint.has_strings:
            by_array = endpoint.function(**{k: v.numpy() for k, v in none.items()})
            assert (by_array.shape, by_array.dtype) == (answer.shape, answer.dtype)


IMAGES, LABELS = np.zeros((0, 8, 8, 1), np.float32), np.zeros(0, np.int32)
CALLS = {  # of a model: calls without rows, and the shapes of what they give
    "dense_vae": {
        "interpolate": (lambda m: m.interpolate(IMAGES, IMAGES, 3), (0, 3, 8, 8, 1)),
        "importance": (lambda m: m.importance_log_prob(IMAGES, 3), (0,)),
        "elbo": (lambda m: m.elbo(IMAGES), (0,)),
        "bytes": (lambda m: m.encode(IMAGES.astype("uint8")), (0, 3)),
        "sample": (lambda m: m.sample(0, seed=1), (0, 8, 8, 1)),
        "eager": (lambda m: m.encode(tf.constant(IMAGES)), (0, 3)),
    },
    "classifier": {
        "classify": (lambda m: m.classify(IMAGES), (0,)),
        "features": (lambda m: m.features(IMAGES), (0, 8)),
    },
    "spline_flow": {"density": (lambda m: m.log_prob(np.zeros((0, 6))), (0,))},
    "guided_diffusion": {
        "sample": (lambda m: m.sample(0, condition=LABELS), (0, 8, 8, 1)),
        "inpaint": (
            lambda m: m.inpaint(IMAGES, IMAGES, condition=LABELS),
            (0, 8, 8, 1),
        ),
        "one mask": (
            lambda m: m.inpaint(IMAGES, np.ones((8, 8)), condition=LABELS),
            (0, 8, 8, 1),
        ),
        "image_to_image": (
            lambda m: m.image_to_image(IMAGES, 0.5, condition=LABELS),
            (0, 8, 8, 1),
        ),
        "denoise": (lambda m: m.denoise(IMAGES, 0.1, condition=LABELS), (0, 8, 8, 1)),
        "blind": (lambda m: m.denoise(IMAGES, condition=LABELS), (0, 8, 8, 1)),
        "elbo": (lambda m: m.elbo(IMAGES, condition=LABELS, num_draws=1), (0,)),
        "log_prob": (lambda m: m.log_prob(IMAGES, condition=LABELS, num_steps=1), (0,)),
    },
    "super_resolution": {
        "restore": (lambda m: m.restore(np.zeros((0, 4, 4, 1))), (0, 8, 8, 1))
    },
    "binary_made": {
        "complete": (
            lambda m: m.complete_image(IMAGES, 2, num_samples=2),
            (0, 8, 8, 1),
        ),
    },
    "language_model": {
        "list": (lambda m: np.array(m.complete([], 3)), (0,)),
        "sample": (lambda m: np.array(m.sample(0, 3)), (0,)),
        "array": (lambda m: m.complete(np.zeros((0, 4), "int32"), 3), (0, 0)),
        "texts": (lambda m: m.log_prob([]), (0,)),
        "next": (lambda m: m.next_logits([]), (0, 9)),
    },
}
CALLS = {(m, c): call for m, calls in CALLS.items() for c, call in calls.items()}
SLOW = [(m, c) for m, c in CALLS if m == "guided_diffusion" and c != "blind"]


@pytest.mark.parametrize(("model", "call"), but_slow([*CALLS], SLOW))
def test_verbs_answer_no_rows_by_none(model, call):
    ask, shape = CALLS[model, call]
    assert np.shape(ask(model_of(model))) == shape


@pytest.mark.parametrize("name", ["dense_vae", "language_model"])
def test_training_needs_rows(name):
    model = model_of(name)
    model.compile(jit_compile=False)
    empty = IMAGES if name == "dense_vae" else np.zeros((0, 4), np.int32)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="x is empty: received shape"):
            call(empty)
