"""Small models, exported once for all tests of this folder."""

import functools
import json
import random
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.capabilities import Bounds, Denoises
from keras_gen.export import manifest, parity
from keras_gen.random import row_seeds

IMAGE, ROWS, SEED = (8, 8, 1), 5, 11
INPUTS = {
    "sample": ("seed",),
    "generate": ("noise",),
    "reconstruct": ("x",),
    "encode": ("x",),
    "decode": ("z",),
    "elbo": ("x", "noise"),
}
OUTPUTS = {
    "sample": "sample",
    "generate": "sample",
    "reconstruct": "x",
    "encode": "z",
    "decode": "x",
    "elbo": "elbo",
}
DENSE, CONV = {"units": (64,)}, {"channels": (16, 32), "hidden": 64}
MODELS = {
    "dense_vae": lambda: kg.VAE(*networks.mlp_vae(IMAGE, 3, **DENSE)),
    "conditional_vae": lambda: kg.VAE(
        *networks.mlp_vae(IMAGE, 3, num_classes=10, **DENSE)
    ),
    "conv_vae": lambda: kg.VAE(*networks.conv_vae(IMAGE, 3, **CONV)),
    "autoencoder": lambda: kg.Autoencoder(
        *networks.mlp_autoencoder(IMAGE, 3, **DENSE), latent_components=3
    ),
    "guided_diffusion": lambda: kg.Diffusion(
        networks.mlp_denoiser(IMAGE, units=(8,), num_classes=10),
        sampling=kg.samplers.Sampling(num_steps=4),
    ),
    "ancestral_diffusion": lambda: kg.Diffusion(
        networks.mlp_denoiser(IMAGE, units=(8,)),
        sampling=kg.samplers.Sampling("ddpm", num_steps=3),
    ),
    "wide_vae": lambda: kg.VAE(*networks.mlp_vae((28, 28, 1), 20, units=(400,))),
}
MODELS["fitted_autoencoder"] = MODELS["autoencoder"]
DIGITS = (load_digits().images / 16).astype(np.float32)[..., None]

FRESH = """
import json, sys
import numpy as np
import tensorflow as tf

arrays, results, models = np.load(sys.argv[1]), {}, {}
for key, path, endpoint in json.load(sys.stdin):
    if path not in models:
        models[path] = tf.saved_model.load(path)
    given = {k.removeprefix(key + "/"): tf.constant(arrays[k])
             for k in arrays.files if k.startswith(key + "/")}
    (results[key],) = models[path].signatures[endpoint](**given).values()
assert "keras_gen" not in sys.modules
np.savez(sys.argv[2], **{k: v.numpy() for k, v in results.items()})
"""


def build(name):
    """A model of the table with random biases, so that none can get lost."""
    random.seed(0)
    model, rng = MODELS[name](), np.random.default_rng(1)
    average = getattr(model, "average", None)
    for weight in [*model.trainable_weights, *(average.weights if average else [])]:
        weight.assign_add(rng.normal(0, 0.1, weight.shape))
    if name == "fitted_autoencoder":
        model.fit_latent_density(DIGITS[:300])
    return model


def rows_of(model):
    """Rows for every endpoint, and what Keras answers, by the public methods."""
    rng = np.random.default_rng(2)
    labels = (
        np.array([3, 1, 4, 1, 5], np.int32)
        if kg.specs.num_classes(model.condition)
        else None
    )
    x = rng.random((ROWS, *model.inputs.shape), np.float32)
    z = rng.normal(size=(ROWS, *model.latent.shape)).astype(np.float32)
    inputs = {
        "sample": {"seed": row_seeds(SEED, ROWS)},
        "reconstruct": {"x": x},
        "encode": {"x": x},
        "decode": {"z": z},
        "elbo": {"x": x, "noise": z},
        "generate": {
            "noise": rng.normal(size=(ROWS, *model.noise.shape)).astype(np.float32)
        },
    }
    if not isinstance(model, Bounds):
        del inputs["elbo"]
    if not model.can_generate:
        del inputs["sample"], inputs["generate"]
    if labels is not None:
        inputs = {k: {**v, "labels": labels} for k, v in inputs.items()}
    if isinstance(model, Denoises):
        add_denoising(model, inputs, x)
    answers = {
        k: np.asarray(getattr(model, k)(**v))
        for k, v in inputs.items()
        if k != "sample"
    }
    if model.can_generate:
        given = {k: v for k, v in inputs["sample"].items() if k != "seed"}
        answers["sample"] = model.sample(ROWS, seed=SEED, **given)
    return inputs, answers


def add_denoising(model, inputs, x):
    """Rows of different guidance, and noisy ones of different noise levels."""
    alpha = np.linspace(0.1, 0.9, ROWS).astype(np.float32)
    levels = {"alpha": alpha, "sigma": np.sqrt(1 - alpha**2)}
    labels = {k: v for k, v in inputs["encode"].items() if k == "labels"}
    inputs["predict_x0"] = {"noisy": 2 * x - 1, **levels, **labels}
    if model.is_guided:
        guidance_scale = np.array([0, 1, 2, 0.5, 3], np.float32)
        for name in ("sample", "generate", "predict_x0"):
            inputs[name]["guidance_scale"] = guidance_scale


@pytest.fixture(scope="session")
def get_case():
    """A case by name: the model, rows for its endpoints and Keras' answers."""

    @functools.cache
    def get(name):
        model = build(name)
        inputs, answers = rows_of(model)
        return SimpleNamespace(name=name, model=model, inputs=inputs, answers=answers)

    return get


@pytest.fixture(scope="session")
def get_saved_model(get_case, tmp_path_factory, run_in_process):
    """The SavedModel of a case by name: its version folder."""
    folder = tmp_path_factory.mktemp("serving")

    @functools.cache
    def get(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parity, "run_script", run_in_process)
            return export.saved_model(
                get_case(name).model, folder / name, examples=DIGITS
            )

    return get


@pytest.fixture(scope="session")
def get_tflite(get_case, tmp_path_factory, run_in_process):
    """The `.tflite` file of a case by name and quantization."""
    folder = tmp_path_factory.mktemp("phone")

    @functools.cache
    def export_once(name, quantization, endpoints):
        model = get_case(name).model
        x = np.resize(DIGITS, (220, *model.inputs.shape))
        stem = "_".join([name, quantization, *(endpoints or ())])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parity, "run_script", run_in_process)
            return export.tflite(
                model,
                folder / f"{stem}.tflite",
                quantization=quantization,
                endpoints=endpoints,
                examples=x,
            )

    def get(name, quantization="none", endpoints=None):
        return export_once(name, quantization, endpoints)

    return get


@pytest.fixture
def phone(get_tflite, tmp_path):
    """A folder of one `.tflite` file that a test may damage."""
    path = get_tflite("dense_vae", "none", ("decode",))
    artifact = manifest.read(path.parent)["artifacts"][path.name]
    for file in artifact["files"]:
        shutil.copy(path.parent / file, tmp_path)
    reference = manifest.reference_of(tmp_path, path.name)
    reference.parent.mkdir(exist_ok=True)
    shutil.copy(manifest.reference_of(path.parent, path.name), reference)
    manifest.write(tmp_path, path.name, artifact)
    return tmp_path / path.name


@pytest.fixture(scope="session")
def run_fresh(tmp_path_factory):
    """Runs signatures in a process that imports nothing but TensorFlow."""

    def run(calls):
        """Outputs by key, for `{key: (path, endpoint, inputs)}`."""
        folder = tmp_path_factory.mktemp("fresh")
        arrays = {f"{k}/{n}": v for k, (_, _, x) in calls.items() for n, v in x.items()}
        np.savez(folder / "in.npz", **arrays)
        done = subprocess.run(
            [sys.executable, "-I", "-c", FRESH, folder / "in.npz", folder / "out.npz"],
            input=json.dumps([(k, str(p), e) for k, (p, e, _) in calls.items()]),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return dict(np.load(folder / "out.npz"))

    return run


@pytest.fixture(scope="session")
def tree():
    """All files below a folder, hidden ones too, with their bytes."""

    def read(folder):
        return {
            str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
            for p in folder.rglob("*")
        }

    return read


@pytest.fixture(scope="session")
def digits():
    return DIGITS


@pytest.fixture(scope="session")
def names():
    """The names of the inputs and of the output of every endpoint."""
    return SimpleNamespace(inputs=INPUTS, outputs=OUTPUTS)
