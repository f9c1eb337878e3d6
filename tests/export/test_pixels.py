"""Artifacts of autoregressive models: the loop over positions, by builtin operators."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import runner
from keras_gen.random import row_seeds

from ..marks import but_slow
from .lite import as_arguments, by_rows

ROWS = 5
ENDPOINTS = ["sample", "generate", "complete_image", "log_prob"]
RNG = np.random.default_rng(3)
pytestmark = pytest.mark.usefixtures("quick")


def perturbed(network, distribution=None):
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign_add(rng.normal(0, 0.3, weight.shape))
    return kg.PixelAutoregressive(network, distribution, seed=0)


MODELS = {
    "made by class": lambda: perturbed(
        networks.pixel_made((4, 4, 1), units=(16,), num_classes=3)
    ),
    "plain": lambda: perturbed(
        networks.pixel_cnn((4, 3, 1), 3, filters=4, blocks=1, first_kernel_size=3),
        kg.Categorical(3),
    ),
    "gated colours by class": lambda: perturbed(
        networks.gated_pixel_cnn((4, 3, 3), 20, filters=4, blocks=2, num_classes=3),
        kg.DiscretizedLogisticMixture(2, 8),
    ),
}


def rows_of(model):
    seed, x = row_seeds(7, ROWS), RNG.random((ROWS, *model.inputs.shape))
    temperature = np.linspace(0.5, 1.5, ROWS)
    given = {
        "sample": {"seed": seed},
        "generate": {"noise": RNG.normal(size=(ROWS, *model.noise.shape))},
        "complete_image": {"x": x, "kept": np.arange(ROWS), "temperature": temperature},
        "log_prob": {"x": x},
    }
    given["complete_image"]["seed"] = seed
    if model.condition:
        for rows in given.values():
            rows["labels"] = np.arange(ROWS) % 3
    integers = ("seed", "kept", "labels")
    return {
        name: {
            k: np.asarray(v, "i4" if k in integers else "f4") for k, v in rows.items()
        }
        for name, rows in given.items()
    }


CHOSEN = {
    "made by class": ["sample", "log_prob"],
    "plain": ["generate"],
    "gated colours by class": ["complete_image"],
}


@pytest.mark.parametrize("name", but_slow([*CHOSEN], ["gated colours by class"]))
def test_artifacts_answer_like_keras(name, tmp_path):
    model, endpoints = MODELS[name](), CHOSEN[name]
    rows = {k: v for k, v in rows_of(model).items() if k in endpoints}
    methods = {"sample": model.sample_rows, "generate": model.generate}
    methods["complete_image"] = model.complete_image_rows
    methods["log_prob"] = model.log_prob
    path = export.tflite(model, tmp_path / "m.tflite", endpoints=endpoints)
    folder = export.saved_model(model, tmp_path / "served", endpoints=endpoints)
    assert runner.foreign_operators(path) == []
    interpreter = Interpreter(str(path))
    served = tf.saved_model.load(folder).signatures
    assert set(interpreter.get_signature_list()) == set(endpoints) <= set(served)
    for endpoint, given in rows.items():
        expected = methods[endpoint](**as_arguments(given))
        phone = by_rows(interpreter.get_signature_runner(endpoint), given)
        tensors = {k: tf.constant(v) for k, v in given.items()}
        (server,) = served[endpoint](**tensors).values()
        for found in (phone, server):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        assert np.ptp(expected) > 0.3
    facts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"][
        "m.tflite"
    ]
    drawn = [k for k, v in facts["endpoints"].items() if v.get("draws")]
    assert drawn == [k for k in endpoints if k != "log_prob"]
    for endpoint in facts["endpoints"].values():
        assert endpoint["error"] <= endpoint["tolerance"] == 1e-5


def test_all_that_the_model_can_do_is_offered():
    found = export.endpoints.endpoints_of(MODELS["plain"]())
    assert [endpoint.name for endpoint in found] == ENDPOINTS


def test_of_draws_few_rows_may_differ():
    """One row in which rounding decided otherwise is no damage; two are."""
    expected = np.zeros((4, 3))

    def error(*broken, draws):
        received = expected.copy()
        received[list(broken), 1] = 1.0
        call = {"x": np.zeros(4)}, {"y": expected}
        found, _ = runner.compare(lambda _: {"y": received}, *call, draws=draws)
        return found["error"]

    assert error(2, draws=True) == 0
    assert error(2, draws=False) == 1
    assert error(0, 2, draws=True) == 1


def test_of_tokens_the_share_that_differs_counts():
    expected = np.zeros((3, 4), np.int32)
    received = np.array([[0, 0, 0, 9], [0, 0, 7, 7], [0, 0, 0, 0]], np.int32)
    call = lambda _: {"y": received}, {"x": np.zeros(3)}, {"y": expected}
    figures = [runner.compare(*call, draws=draws)[0] for draws in (True, False)]
    assert [f["error"] for f in figures] == [0.25, 0.5]
    assert figures[0]["mean_error"] == 0.25


def test_integers_are_refused(tmp_path):
    model = MODELS["plain"]()
    with pytest.raises(ValueError, match="'int8' is unsupported .* exact arithmetic"):
        export.tflite(model, tmp_path / "m.tflite", quantization="int8")


def test_rounded_weights_draw_others_but_score_alike(tmp_path):
    chosen = {
        "quantization": "float16",
        "endpoints": ["sample", "complete_image", "log_prob"],
    }
    model = perturbed(networks.pixel_made((8, 8, 1), units=(64,)))  # one weight a value
    path = export.tflite(model, tmp_path / "m.tflite", **chosen)
    facts = export.manifest.artifact(path)["endpoints"]
    assert facts["log_prob"]["error"] <= facts["log_prob"]["tolerance"] == 1e-2
    assert facts["sample"]["tolerance"] is None
    assert facts["sample"]["draws"]
