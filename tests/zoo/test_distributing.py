"""`keras-gen train --strategy`: what is refused, and two processes of one run."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.engine import loop
from keras_gen.zoo import distributing, store
from keras_gen.zoo.recipe import UsageError

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
EPOCHS = "16"  # so many that a process can be ended between the second and the last
CLUSTER = {"worker": ["localhost:1", "localhost:2"]}
REFUSED = {
    "no environment": (None, "requires the environment variable TF_CONFIG"),
    "no JSON": ("here", r"TF_CONFIG cannot be read \(JSONDecodeError"),
    "no task": ({"cluster": CLUSTER}, r"TF_CONFIG cannot be read \(KeyError: 'task'\)"),
    "another task": (
        {"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}},
        "must be of type chief or worker, received 'ps'",
    ),
    "index": (
        {"cluster": CLUSTER, "task": {"type": "worker", "index": 2}},
        "has index 2, but its cluster names 2 of type worker: count from 0",
    ),
}


@pytest.mark.parametrize(("config", "message"), REFUSED.values(), ids=REFUSED)
def test_an_environment_that_names_no_processes_is_refused(
    config, message, monkeypatch, tmp_path
):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        monkeypatch.setenv("TF_CONFIG", text)
    out = tmp_path / "run"
    with pytest.raises(UsageError, match=message):
        zoo.train("vae_digits", out, strategy="multi_worker")
    assert not out.exists()


def test_an_unknown_strategy_is_refused(tmp_path):
    message = "strategy must be one of mirrored, multi_worker, received 'parallel'"
    with pytest.raises(UsageError, match=message):
        zoo.train("vae_digits", tmp_path / "run", strategy="parallel")


class Resolver:
    """What a strategy knows of its processes."""

    def __init__(self, kinds, task_type, task_id):
        self.kinds, self.task_type, self.task_id = kinds, task_type, task_id
        self.cluster_resolver = self

    def cluster_spec(self):
        return self

    def as_dict(self):
        return self.kinds


def test_one_of_several_processes_writes():
    workers, chief = {"worker": ["a", "b"]}, {"chief": ["a"], "worker": ["b"]}
    resolvers = {
        Resolver(workers, "worker", 0): True,
        Resolver(workers, "worker", 1): False,
        Resolver(chief, "chief", 0): True,
        Resolver(chief, "worker", 0): False,
    }
    for resolver, writes in resolvers.items():
        assert distributing.is_chief(resolver) == writes
    assert distributing.is_chief(distributing.strategy_of(None))


@pytest.mark.slow
def test_one_device_only_is_said_and_trains_as_without(tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="found only one device"):
        model = zoo.train(
            "autoencoder_digits", tmp_path / "run", epochs=1, strategy="mirrored"
        )
    assert not model._loop.distributed
    assert len(model.sample(2, seed=0)) == 2
    monkeypatch.setattr(loop, "default_jit", lambda model: False)
    alone = zoo.train("autoencoder_digits", tmp_path / "alone", epochs=1)
    for a, b in zip(model.weights, alone.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


def start(out, *options):
    """Two processes that train together."""
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    command = [sys.executable, "-m", "keras_gen.zoo", "train", "vae_digits"]
    command += [
        "--out",
        str(out),
        "--epochs",
        EPOCHS,
        "--strategy",
        "multi_worker",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = []
    for index in range(2):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(config)}
        processes.append(
            subprocess.Popen([*command, *options], env=environment, **pipes)
        )
    return processes


def end(processes):
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [p.returncode for p in processes] == [0, 0], outputs
    return outputs


@pytest.mark.slow
def test_two_processes_train_one_run_that_can_be_resumed(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    chief, other = end(start(whole))
    assert "wrote" in chief
    assert "epoch" in chief
    assert other.splitlines() == [
        "training has finished. The first process has written the run."
    ]
    processes = start(stopped)
    deadline = time.monotonic() + 200
    while not (stopped / store.CHECKPOINT / "epoch-2").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    chief, other = processes
    other.send_signal(signal.SIGKILL)
    other.communicate()
    output, _ = chief.communicate(timeout=200)
    assert chief.returncode == 1
    assert output.splitlines()[-1].startswith(
        "keras-gen: another process of this run has ended or cannot be reached: start "
        "all processes again with --resume"
    )
    assert not (stopped / store.MODEL).exists()
    end(start(stopped, "--resume"))
    first, second = zoo.load(whole), zoo.load(stopped)
    assert first.training_steps == second.training_steps > 0
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    names = {path.name for path in whole.iterdir()}
    assert names == {path.name for path in stopped.iterdir()}
    assert {store.MODEL, store.METRICS, store.HISTORY, store.SAMPLES} <= names
    alone = zoo.train("vae_digits", tmp_path / "alone", epochs=int(EPOCHS))
    assert alone.training_steps == first.training_steps
    losses = [
        (folder / store.HISTORY).read_text().splitlines()[-1].split(",")[3]
        for folder in (whole, tmp_path / "alone")
    ]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-3)
