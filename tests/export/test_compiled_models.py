"""Files of translations and codes by both interfaces of LiteRT, beside Keras."""

import random

import numpy as np
import pytest

from keras_gen import export
from keras_gen.export import runner
from keras_gen.random import normal, row_seeds

from ..models import test_translation
from ..models.test_latent import tokens
from ..models.test_vq_vae import X, vq_vae
from .test_latent import latent

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
RNG = np.random.default_rng(3)
ROWS, SEED = 3, 7
TOLERANCE = {"none": 1e-5, "dynamic": 0.1}


def translator(make):
    """A model with random weights, its endpoint's rows, and Keras' answers."""
    random.seed(0)
    model = make(ema_decay=None)
    for weight in model.generator.trainable_weights:
        weight.assign_add(RNG.normal(0, 0.1, weight.shape))
    x = RNG.random((ROWS, *model.source.shape), "float32")
    return model, {"translate": ({"x": x}, model.translate(x))}, x


def codes():
    model = vq_vae()
    book = RNG.normal(size=model.quantizer.codebook.shape)
    model.quantizer.codebook.assign(book)
    x = X[:ROWS]
    z = model.encode(x)
    rows = {
        "reconstruct": ({"x": x}, model.reconstruct(x)),
        "encode": ({"x": x}, z),
        "decode": ({"z": z}, model.decode(z)),
    }
    return model, rows, X


def prior():
    model = latent(tokens)
    x = (RNG.integers(0, 3, (24, 2, 2, 1)) / 2).astype("float32")
    seed, kept = row_seeds(SEED, ROWS), np.array([0, 1, 2], np.int32)
    noise = normal(seed, model.noise.shape).numpy()
    how = {"x": x[:ROWS], "kept": kept, "seed": seed}
    how["temperature"] = np.ones(ROWS, np.float32)
    z = model.encode(x[:ROWS])
    rows = {
        "sample": ({"seed": seed}, model.sample(ROWS, seed=SEED)),
        "generate": ({"noise": noise}, model.generate(noise)),
        "complete_image": (how, model.complete_image_rows(**how)),
        "encode": ({"x": x[:ROWS]}, z),
        "decode": ({"z": z}, model.decode(z)),
    }
    return model, rows, x


CASES = {
    "pix2pix": lambda: translator(test_translation.pix2pix),
    "cycle_gan": lambda: translator(test_translation.cycle_gan),
    "vq_vae": codes,
    "latent": prior,
}


@pytest.mark.parametrize(
    ("case", "quantization"),
    [*((case, "none") for case in CASES), ("pix2pix", "dynamic")],
)
def test_both_interfaces_of_litert_answer_as_keras(case, quantization, tmp_path):
    model, rows, examples = CASES[case]()
    path = export.tflite(
        model,
        tmp_path / "m.tflite",
        quantization=quantization,
        examples=examples,
        batch_size=ROWS,
    )
    facts = export.artifact(path)["endpoints"]
    assert set(rows) <= set(facts)
    for load in (runner.load_interpreter, runner.load_compiled_model):
        calls = load(path, facts)
        for name, (given, expected) in rows.items():
            first, again = (dict(calls[name](given)) for _ in range(2))
            (answer,) = first.values()
            assert answer.dtype == np.asarray(expected).dtype
            error = runner.differences(answer, np.asarray(expected)).max()
            assert error <= TOLERANCE[quantization], (load.__name__, name)
            (repeated,) = again.values()
            np.testing.assert_array_equal(answer, repeated)
