"""How tests train, interrupt and compare runs."""

import contextlib

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.engine.internals import names_kept
from keras_gen.zoo import store
from keras_gen.zoo.checkpoint import Checkpoint


def train(*args, **options):
    """Trains with the names of a process of its own, on which rounding depends."""
    with names_kept():
        return zoo.train(*args, **options)


@contextlib.contextmanager
def interrupted(epoch):
    """Ends the run within, as Ctrl+C does, where this epoch begins."""
    begin = Checkpoint.on_epoch_begin

    def stop(self, number, logs=None):
        if number == epoch:
            raise KeyboardInterrupt
        begin(self, number, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            yield


def variables(folder):
    """Weights and optimizer state of a run."""
    model = store.read_model(folder / store.MODEL)
    found = [*model.weights, *model.optimizer.variables]
    if isinstance(model, kg.GAN):
        found += model.generator_optimizer.variables
    return [np.asarray(v) for v in found]


def assert_equal_runs(a, b):
    for one, other in zip(variables(a), variables(b), strict=True):
        np.testing.assert_array_equal(one, other)
    for file in ("history.csv", "samples.png", "samples.gif", "samples.txt"):
        if (a / file).exists():
            assert (a / file).read_bytes() == (b / file).read_bytes(), file
