"""Artifacts of a flow: both directions and the density, by builtin operators."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import export
from keras_gen.export import runner
from keras_gen.random import row_seeds

from .lite import as_arguments, by_rows

ROWS = 5
ENDPOINTS = ["sample", "generate", "encode", "decode", "log_prob"]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 4)).astype(np.float32)
pytestmark = pytest.mark.usefixtures("quick")


def perturbed(layers, **options):
    random.seed(0)
    model = kg.Flow(layers, (4,), seed=0, **options)
    model.initialize(X, X[:, :2] if "condition" in options else None)
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign_add(rng.normal(0, 0.1, weight.shape))
    return model


MODELS = {
    "spline couplings": lambda: perturbed(
        bj.neural_spline(2, num_bins=4, units=(8,)), base=bj.LearnedMixture(2)
    ),
    "spline coupling": lambda: perturbed(bj.neural_spline(1, num_bins=3, units=(4,))),
    "autoregressive": lambda: perturbed(
        bj.masked_autoregressive(1, units=(8,)), condition=kg.specs.Vectors(2)
    ),
}


def rows_of(model):
    given = {
        "sample": {"seed": row_seeds(7, ROWS)},
        "generate": {"noise": RNG.normal(size=(ROWS, *model.noise.shape))},
        "encode": {"x": X[:ROWS]},
        "decode": {"z": RNG.normal(size=(ROWS, 4))},
        "log_prob": {"x": X[:ROWS]},
    }
    if model.condition:
        for rows in given.values():
            rows["context"] = X[-ROWS:, 2:]
    return {
        name: {k: v if k == "seed" else np.float32(v) for k, v in rows.items()}
        for name, rows in given.items()
    }


# The endpoints of each file; all of a spline take minutes to convert.
CHOSEN = [
    ("spline couplings", ENDPOINTS),
    ("spline coupling", ["generate", "log_prob"]),
    ("autoregressive", ENDPOINTS),
]


def answers_of(model, rows):
    methods = {name: getattr(model, name) for name in ENDPOINTS[1:]}
    methods["sample"] = model.sample_rows
    return {name: methods[name](**as_arguments(given)) for name, given in rows.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "endpoints"), CHOSEN)
def test_artifacts_answer_like_keras(name, endpoints, tmp_path):
    model = MODELS[name]()
    rows = {k: v for k, v in rows_of(model).items() if k in endpoints}
    expected = answers_of(model, rows)
    chosen = {"endpoints": endpoints, "examples": X}
    path = export.tflite(model, tmp_path / "m.tflite", **chosen)
    folder = export.saved_model(model, tmp_path / "served", **chosen)
    assert runner.foreign_operators(path) == []
    interpreter = Interpreter(str(path))
    served = tf.saved_model.load(folder).signatures
    assert set(interpreter.get_signature_list()) == set(endpoints) <= set(served)
    for endpoint, given in rows.items():
        phone = by_rows(interpreter.get_signature_runner(endpoint), given)
        tensors = {k: tf.constant(v) for k, v in given.items()}
        (server,) = served[endpoint](**tensors).values()
        scale = max(1, np.abs(expected[endpoint]).max())
        for found in (phone, server):
            assert found.shape == expected[endpoint].shape
            error = np.abs(found - expected[endpoint]).max() / scale
            assert error <= 1e-5, (endpoint, error)
        assert np.ptp(expected[endpoint], axis=0).max() > 0.05
    facts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    assert list(facts["m.tflite"]["endpoints"]) == endpoints


def test_integers_are_refused_for_a_density(tmp_path):
    model = kg.Flow([bj.Planar()], (4,))
    for endpoints in (None, ["decode"], ["log_prob"]):
        with pytest.raises(
            ValueError,
            match="'int8' is unsupported .* a density and its map require exact",
        ):
            export.tflite(
                model,
                tmp_path / "m.tflite",
                quantization="int8",
                endpoints=endpoints,
                examples=X,
            )
    assert not list(tmp_path.iterdir())


def test_a_lossless_encoder_offers_no_reconstruction(tmp_path):
    model = kg.Flow([bj.Planar()], (4,))
    assert [e.name for e in export.endpoints.endpoints_of(model)] == ENDPOINTS
    with pytest.raises(ValueError, match="'reconstruct' is unknown, .* has sample"):
        export.saved_model(model, tmp_path / "m", endpoints=["reconstruct"])
