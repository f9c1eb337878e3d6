"""Artifacts of a diffusion model: whole samplers, and the one call that they repeat."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks, samplers
from keras_gen.export import runner

from ..marks import but_slow
from .lite import as_arguments, by_rows

GUIDED, ANCESTRAL = "guided_diffusion", "ancestral_diffusion"
ENDPOINTS = ("sample", "generate", "reconstruct", "encode", "decode", "predict_x0")
FILES = {GUIDED: None, ANCESTRAL: ("sample", "generate", "predict_x0")}
LIMIT = 1e-4  # of an error, of max(1, largest value)
files = pytest.mark.parametrize("name", but_slow([*FILES], [ANCESTRAL]))


def network_bytes(model):
    return 4 * sum(int(np.prod(w.shape)) for w in model.network.weights)


def assert_close(found, expected, limit=LIMIT):
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= limit * max(1, np.abs(expected).max())


def answer(path, endpoint, given):
    runner = Interpreter(str(path)).get_signature_runner(endpoint)
    return by_rows(runner, given)


@files
def test_a_file_answers_like_keras(name, get_case, get_tflite):
    case, path = get_case(name), get_tflite(name, "none", FILES[name])
    signatures = Interpreter(str(path)).get_signature_list()
    assert set(signatures) == set(FILES[name] or ENDPOINTS)
    facts = export.artifact(path)["endpoints"]
    for endpoint in signatures:
        expected, given = case.answers[endpoint], case.inputs[endpoint]
        assert set(signatures[endpoint]["inputs"]) == set(given)
        assert np.ptp(expected, axis=0).max() > 0.05
        assert_close(answer(path, endpoint, given), expected)
        first = {k: v[:1] for k, v in given.items()}
        assert_close(answer(path, endpoint, first), expected[:1])
        assert facts[endpoint]["error"] <= facts[endpoint]["tolerance"] <= LIMIT
    assert runner.foreign_operators(path) == []
    assert "WHILE" in runner.operators(path)


@pytest.mark.slow
def test_a_server_answers_like_keras(get_case, get_saved_model, run_fresh):
    case, path = get_case(GUIDED), get_saved_model(GUIDED)
    calls = {k: (path, k, given) for k, given in case.inputs.items()}
    assert set(calls) == set(ENDPOINTS)
    for endpoint, found in run_fresh(calls).items():
        assert_close(found, case.answers[endpoint], 1e-5)


def test_labels_and_guidance_count(get_case, get_tflite):
    path, given = get_tflite(GUIDED), get_case(GUIDED).inputs["generate"]
    found = answer(path, "generate", given)
    for name in ("labels", "guidance_scale"):
        changed = answer(path, "generate", given | {name: np.flip(given[name])})
        assert np.abs(changed - found)[[0, 1, 3, 4]].max() > 1e-3, name


def test_the_average_is_exported(get_case, get_tflite):
    model, given = get_case(GUIDED).model, get_case(GUIDED).inputs["generate"]
    found = answer(get_tflite(GUIDED), "generate", given)
    try:
        model.use_ema = False
        assert np.abs(found - model.generate(**as_arguments(given))).max() > 0.01
    finally:
        model.use_ema = True


@files
def test_a_file_holds_the_network_once(name, get_case, get_tflite):
    weights = network_bytes(get_case(name).model)
    size = get_tflite(name, "none", FILES[name]).stat().st_size
    assert weights < size < 1.1 * weights + 100_000


def test_equal_loops_are_written_once(get_tflite):
    """Those of both ways that `reconstruct` goes, and of `sample` and `generate`."""
    content = get_tflite(GUIDED).read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    operators = [o for graph in model.subgraphs for o in graph.operators]
    options = [o.builtinOptions for o in operators]
    loops = [o for o in options if isinstance(o, schema.WhileOptionsT)]
    assert len(loops) == 6
    assert len({o.bodySubgraphIndex for o in loops}) == 3
    packed = schema.Model.GetRootAs(content, 0)
    for i in range(packed.BuffersLength()):
        table = packed.Buffers(i)._tab
        if place := table.Offset(4):  # the field `data`
            assert table.Vector(place) % 16 == 0


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_convolutional_sampler_is_small_and_answers_like_keras(tmp_path):
    network = networks.unet((8, 8, 1), channels=(8,), groups=4)
    sampling = samplers.Sampling(samplers.DPMSolver2M(stochastic=True), num_steps=2)
    model = kg.Diffusion(network, sampling=sampling, ema_decay=None, seed=0)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(rng.normal(0, 0.1, weight.shape))
    path = export.tflite(model, tmp_path / "m.tflite", endpoints=["sample"])
    seed = kg.random.row_seeds(4, 3)
    expected = model.sample(3, seed=4)
    assert np.ptp(expected, axis=0).max() > 0.05
    assert_close(answer(path, "sample", {"seed": seed}), expected)
    weights = network_bytes(model)
    assert weights < path.stat().st_size < 1.1 * weights + 100_000
    small = tmp_path / "small.tflite"
    export.tflite(model, small, quantization="float16", endpoints=["sample"])
    assert_close(answer(small, "sample", {"seed": seed}), expected, 0.01)
    assert small.stat().st_size < path.stat().st_size - weights / 3


def by_hand(solver, noise, denoise, **given):
    """Samples by what a manifest says, in NumPy."""
    weights = np.array(solver["weights"], np.float32)
    levels = np.array([solver["alpha"], solver["sigma"]], np.float32).T
    several = noise.ndim > len(np.shape(solver["mean"])) + 4
    draws = np.moveaxis(noise, 1, 0) if several else [noise]
    registers = np.stack(
        [levels[0, 1] * draws[0], *[0 * draws[0]] * (len(weights[0]) - 1)]
    )
    for i, (alpha, sigma) in enumerate(levels):
        scales = {
            k: np.full(len(noise), v) for k, v in (("alpha", alpha), ("sigma", sigma))
        }
        denoised = denoise(noisy=registers[0], **scales, **given)
        fresh = draws[i + 1] if several else 0 * noise
        known = np.stack([*registers, denoised, fresh])
        registers = np.tensordot(weights[i], known, axes=1)
    sample = registers[0] * np.float32(solver["deviation"]) + np.float32(solver["mean"])
    return np.clip(sample, *solver["limits"]) if solver["limits"] else sample


@files
def test_the_manifest_tells_how_to_sample(name, get_case, get_tflite):
    path = get_tflite(name, "none", FILES[name])
    solver = export.artifact(path)["endpoints"]["predict_x0"]["solver"]
    given = dict(get_case(name).inputs["generate"])
    expected, noise = answer(path, "generate", given), given.pop("noise")

    def denoise(**rows):
        return answer(path, "predict_x0", rows)

    assert (noise.shape[1:] == (8, 8, 1)) == (name == GUIDED)
    found = by_hand(solver, noise, denoise, **given)
    assert 0 < np.mean((expected > 0) & (expected < 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert "denoise the first register" in solver["how"]


def operators(model, name):
    """How often each operator stands in an endpoint's graph, loops included."""
    (endpoint,) = export.endpoints_of(model, [name])
    traced = tf.function(endpoint.traceable(), input_signature=endpoint.specs)
    graph = traced.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return Counter(node.op for node in nodes)


@pytest.fixture(scope="module")
def vectors():
    return kg.Diffusion(networks.mlp_denoiser((2,), units=(4,)), seed=0)


LOOPS = [(solver, "generate") for solver in samplers.SOLVERS]
LOOPS += [("ddpm", "sample"), ("heun", "encode"), ("heun", "decode")]
QUICK = {("ddpm", "sample"), ("heun", "encode")}


@pytest.mark.parametrize(("solver", "endpoint"), but_slow(LOOPS, {*LOOPS} - QUICK))
def test_steps_are_turns_of_a_loop(solver, endpoint, vectors):
    once, found = operators(vectors, "predict_x0"), []
    for steps in (5, 30):
        vectors.sampling = samplers.Sampling(solver, num_steps=steps)
        found.append(operators(vectors, endpoint))
    assert found[0] == found[1]
    assert found[0]["While"] + found[0]["StatelessWhile"] == 1
    assert found[0]["MatMul"] == once["MatMul"] > 2
    assert not [name for name in found[0] if "Random" in name]


@pytest.mark.parametrize(
    ("quantization", "limit"), [("float16", 1e-3), ("dynamic", 2e-2)]
)
def test_small_weights_stay_close(quantization, limit, get_case, get_tflite):
    case, sizes = get_case(GUIDED), {}
    for kind in ("none", quantization):
        path = get_tflite(GUIDED, kind, ("generate",))
        sizes[kind] = path.stat().st_size
    found = answer(path, "generate", case.inputs["generate"])
    error = np.abs(found - case.answers["generate"]).mean()
    facts = export.artifact(path)["endpoints"]["generate"]
    assert 1e-6 < error < limit
    assert error / 10 < facts["mean_error"] < error * 10
    usual = {"float16": 1e-2, "dynamic": 0.1}[quantization]
    assert facts["tolerance"] == max(2 * facts["error"], usual)
    assert sizes[quantization] < sizes["none"] - network_bytes(case.model) / 4


@pytest.mark.parametrize("endpoints", [None, ["generate"], ["decode", "predict_x0"]])
def test_integers_are_refused_for_a_solver(endpoints, get_case, tmp_path):
    with pytest.raises(
        ValueError, match="'int8' is unsupported for .* add up over the steps"
    ):
        export.tflite(
            get_case(GUIDED).model,
            tmp_path / "m.tflite",
            quantization="int8",
            endpoints=endpoints,
        )
    assert not list(tmp_path.iterdir())
