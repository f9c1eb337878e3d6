"""Training in mixed precision, on two devices, and by two processes."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ..marks import but_slow


@pytest.fixture(
    params=but_slow(["mixed_bfloat16", "mixed_float16"], ["mixed_bfloat16"])
)
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "name", [pytest.param("conv_autoencoder", marks=pytest.mark.slow), "dense_vae"]
)
def test_mixed_precision_trains_and_goes_on(
    name, policy, make_case, tmp_path, assert_same_state
):
    case = make_case(name)
    model = case.make(keras.optimizers.Adam(0.01))
    loss = model.fit(case.x[:16], epochs=15, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert loss[-1] < loss[0]
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(case.x[:16], verbose=0)
    assert_same_state(model, loaded)
    assert model.reconstruct(case.x[:2]).dtype == np.float32


def test_half_precision_takes_the_step_of_single_precision(make_case):
    """Each player has a scale of its own, which leaves no trace in the step."""
    rate, steps = 0.1, []
    case = make_case("dense_gan")
    before = keras.config.dtype_policy()
    for name in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(name)
        try:
            model = case.make(keras.optimizers.SGD(rate))
        finally:
            keras.config.set_dtype_policy(before)
        start = [w.numpy() for w in model.trainable_variables]
        logs = model.fit(case.x[:16], verbose=0).history
        moved = zip(start, model.trainable_variables, strict=True)
        steps.append([a - b.numpy() for a, b in moved])
        lengths = [np.sqrt(sum(np.square(s).sum() for s in steps[-1]))]
        norms = [v[0] for k, v in logs.items() if k.endswith("gradient_norm")]
        assert rate * np.linalg.norm(norms) == pytest.approx(lengths[0], rel=1e-3)
    for exact, coarse in zip(*steps, strict=True):
        np.testing.assert_allclose(coarse, exact, atol=0.02 * np.abs(exact).max())
    optimizers = model.discriminator_optimizer, model.generator_optimizer
    for optimizer in optimizers:
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert float(optimizer.dynamic_scale) == 2.0**15
    assert optimizers[0].dynamic_scale is not optimizers[1].dynamic_scale


def test_gradients_too_large_for_half_precision_are_left_out(
    make_case, tmp_path, assert_same_state
):
    case = make_case("conditional_wgan")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = case.make(keras.optimizers.SGD(1e-3))
    finally:
        keras.config.set_dtype_policy(before)
    model.discriminator_optimizer.dynamic_scale.assign(2.0**40)
    rows = case.rows(case, 0, 64)
    fit = {"batch_size": 16, "verbose": 0}
    start = [w.numpy() for w in model.trainable_variables]
    logs = model.fit(*rows, **fit).history
    assert logs["discriminator_gradient_norm"] == [0.0]
    assert logs["generator_gradient_norm"] == [0.0]
    for a, b in zip(start, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    assert int(model.generator_optimizer.iterations) == 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(*rows, epochs=10, **fit)
    assert_same_state(model, loaded)
    steps = int(model.optimizer.iterations)
    assert int(model.generator_optimizer.iterations) == steps // 3 > 0


PROGRAM = Path(__file__).with_name("devices.py")
FAMILIES = ["vae", "gan", "diffusion", "autoregressive"]
OTHERS = [
    "cycle",
    "vae of a stream",
    "patient gan",
    "augmented gan",
    "autoregressive of windows",
    "recurrent",
    "text_vae",
    "vq_vae",
    "judged vae",
]


def start(folder, kind, cases, **environment):
    """Begins to train cases in a process of their own."""
    environment = os.environ | environment
    command = [sys.executable, PROGRAM, folder, kind, *cases]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(list(map(str, command)), env=environment, **pipes)


def end(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=600)
        assert output.endswith("done\n"), output[-3000:]


def assert_same_training(folder, other, cases, tasks=(0,)):
    for name in cases:
        one = np.load(folder / f"{name} 0.npz")
        for task in tasks:
            several = np.load(other / f"{name} {task}.npz")
            assert one.files == several.files
            for key in one.files:
                np.testing.assert_allclose(
                    several[key].astype(float),
                    one[key].astype(float),
                    rtol=1e-5 if not key.startswith("w") else 0,
                    atol=1e-6,
                    err_msg=f"{name}: {key}",
                )


def folders(tmp_path, *names):
    for name in names:
        (tmp_path / name).mkdir()
    return [tmp_path / name for name in names]


SETS = {"one family": ["vae"], "families": FAMILIES[1:], "others": OTHERS}


@pytest.mark.slow
@pytest.mark.parametrize("cases", SETS.values(), ids=SETS)
def test_two_devices_take_the_steps_of_one(cases, tmp_path):
    """20 steps and validation on the same batches, the last of which has one row."""
    one, two = folders(tmp_path, "one", "two")
    end(start(one, "none", cases), start(two, "mirrored", cases))
    assert_same_training(one, two, cases)


@pytest.mark.slow
def test_two_devices_take_all_layers_and_refuse_as_one_does(tmp_path):
    end(start(tmp_path, "mirrored", ["layers", "words", "eager"]))


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.mark.slow
@pytest.mark.long  # test_distributing has two processes, too
def test_two_processes_take_the_steps_of_one_and_go_on_from_a_file(tmp_path):
    one, two = folders(tmp_path, "one", "two")
    cases = [*FAMILIES, "patient gan"]
    workers = [f"localhost:{port}" for port in free_ports(2)]
    processes = [
        start(two, "workers", cases, TF_CONFIG=json.dumps(config))
        for config in (
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}}
            for i in range(2)
        )
    ]
    end(*processes, start(one, "none", cases))
    assert_same_training(one, two, cases, tasks=(0, 1))
