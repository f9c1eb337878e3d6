"""One framework in a process of its own, driven by lines of JSON.

The parent starts `python keras_worker.py` or `python torch_worker.py MODE`, writes one
request per line to standard input and reads one answer per line from standard output.
All workers stay alive between their turns, so that turns can alternate after every
compilation is over.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

BATCH_SIZE = 64
BATCH_SIZES = {"vqvae_mnist": 128, "pix2pix_emoji": 16}  # of recipes with others
NUM_IMAGES = 60_000
PAIRED = {"pix2pix_emoji": (64, 64, 3)}  # recipes that translate images, and a shape
NUM_PAIRS = 3_400
FOLDER = Path(__file__).parent


class Worker:
    """The parent's end of a worker.

    Args:
        command: Script and its arguments.
        log: Open file that takes the worker's standard error.
        python: The interpreter.
    """

    def __init__(self, command, log, python=sys.executable):
        script, *arguments = command
        self.process = subprocess.Popen(
            [python, str(FOLDER / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def ask(self, action, **request):
        """The worker's answer to one request."""
        self.process.stdin.write(json.dumps({"action": action, **request}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith('{"answer":'):
                return json.loads(line)["answer"]
        raise RuntimeError(f"worker ended during {action} ({self.process.wait()}).")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def serve(trainer):
    """The worker's end: builds, trains and scores as asked."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(trainer, request.pop("action"))(**request)
        print(json.dumps({"answer": answer}), flush=True)


class Trainer:
    """What both frameworks share. A subclass writes `make`, `epochs` and `score`."""

    def build(self, recipe, rows, seed=0, init=None):
        """A new model and its training images, float32 `(rows, 28, 28, 1)`.

        A recipe that translates images gets pairs of random ones instead.

        Returns:
            The number of trainable weights.
        """
        self.batch_size = batch_size(recipe)
        if recipe in PAIRED:
            rng = np.random.default_rng(0)
            shape = (rows, *PAIRED[recipe])
            self.data = tuple(rng.random(shape, np.float32) for _ in range(2))
        else:
            train, self.test = images()
            self.data = (train[:rows],)
        return self.make(recipe, seed, init)

    def train(self, epochs=1):
        """Seconds that so many epochs took."""
        return seconds_of(lambda: self.epochs(epochs))


def batch_size(recipe):
    """Examples of a training step."""
    return BATCH_SIZES.get(recipe, BATCH_SIZE)


def num_rows(recipe, steps):
    """Examples of an epoch of at most so many steps."""
    available = NUM_PAIRS if recipe in PAIRED else NUM_IMAGES
    return min(available, steps * batch_size(recipe))


def seconds_of(call):
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def mnist_file():
    """The MNIST file of this machine, or None."""
    keras_home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
    folders = [Path(keras_home, "datasets")]
    if os.environ.get("KERAS_GEN_DATA"):
        folders.insert(0, Path(os.environ["KERAS_GEN_DATA"]))
    files = [folder / "mnist.npz" for folder in folders]
    return next((file for file in files if file.is_file()), None)


def images():
    """Training and test images, MNIST or random ones of its shape."""
    if file := mnist_file():
        with np.load(file) as arrays:
            train, test = arrays["x_train"], arrays["x_test"]
    else:
        rng = np.random.default_rng(0)
        train, test = (
            rng.integers(0, 256, (n, 28, 28), np.uint8) for n in (NUM_IMAGES, 10_000)
        )
    return (x[..., None].astype(np.float32) / 255 for x in (train, test))
