"""Artifacts of consistency models: a loop of so many steps, or none."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import runner
from keras_gen.random import row_seeds

from .lite import by_rows

LABELS = np.array([0, 2, 1])


@pytest.fixture
def model():
    """A student with weights of some size, from a guided teacher."""
    network = networks.mlp_denoiser((8, 8, 1), units=(16,), num_classes=3)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.3))
    teacher = kg.Diffusion(network, guidance_scale=2.0, seed=0)
    return kg.Consistency.from_teacher(teacher, seed=0)


def loops(graph):
    """Operations that repeat others, in a graph and its functions."""
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return [node.op for node in nodes if node.op.endswith("While")]


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [1, 2])
def test_artifacts_sample_like_keras(model, num_steps, tmp_path):
    model.sampling = model.sampling.changed(num_steps=num_steps)
    expected = model.sample(3, condition=LABELS, seed=7)
    assert np.ptp(expected, axis=0).max() > 0.05
    given = {"seed": row_seeds(7, 3), "labels": LABELS.astype(np.int32)}

    file = export.tflite(model, tmp_path / "few.tflite")
    facts = export.artifact(file)["endpoints"]
    assert set(facts) == {"sample", "generate", "predict_x0"}
    assert set(facts["sample"]["inputs"]) == {"seed", "labels"}
    assert len(facts["predict_x0"]["solver"]["alpha"]) == num_steps
    assert max(endpoint["error"] for endpoint in facts.values()) < 1e-4
    found = by_rows(Interpreter(str(file)).get_signature_runner("sample"), given)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert ("WHILE" in runner.operators(file)) == (num_steps > 1)

    folder = export.saved_model(model, tmp_path / "served")
    loaded = tf.saved_model.load(str(folder))
    call = loaded.signatures["sample"]
    (found,) = call(**{k: tf.constant(v) for k, v in given.items()}).values()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(loops(call.graph.as_graph_def())) == (num_steps > 1)
    for path in (file, folder):
        export.check(path)
