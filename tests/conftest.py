"""Tiny models and data: one line per case, shared by the tests of every property."""

import functools
import gc
import json
import random
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_gen as kg
from keras_gen import bijectors, networks
from keras_gen.export import convert, parity, runner
from keras_gen.objectives.augmentation import (
    AdaptiveAugmentation,
    DifferentiableAugmentation,
)

from .marks import but_slow

IMAGE, VECTOR, NUM_CLASSES = (8, 8, 1), (6,), 10
COLOURS = DifferentiableAugmentation(translation=0.0, cutout=0.0)
MIXTURE = {
    "weights": [0.3, 0.7],
    "means": [[-1.0, 0.0, 0.5], [1.0, 0.5, 0.0]],
    "covariances": [np.eye(3), 0.5 * np.eye(3)],
}
LONG = ("test_train.py", "test_devices.py", "test_cpp_loader.py", "test_packaging.py")


def pytest_collection_modifyitems(items):
    """Files of few and long tests come first, lest one worker ends long after all."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Slow tests on data that are neither here nor to be had are left out."""
    try:
        return (yield)
    except Exception as error:
        is_absent = isinstance(error, ConnectionError | FileNotFoundError)
        is_absent = is_absent and "KERAS_GEN_DATA" in str(error)
        if is_absent and item.get_closest_marker("slow"):
            pytest.skip("its data are not here, and cannot be downloaded")
        raise


def pytest_collection_finish():
    """What is imported by now stays: the garbage collector need not visit it again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded(request):
    """Each test begins with the same random numbers, whatever ran before it.

    Keras takes the seeds of initial weights and of dropout from `random`. To seed
    TensorFlow too would empty its caches each time.
    """
    random.seed(0)
    if hasattr(request.module, "RNG"):
        request.module.RNG = np.random.default_rng(0)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Decoded images of tests do not lie in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_GEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def collected():
    """Nor what is left of a module: graphs that TensorFlow keeps."""
    yield
    gc.collect()
    gc.freeze()


def dense(build=networks.mlp_vae, shape=IMAGE, latent_dim=3, **options):
    return build(shape, latent_dim, units=(16,), **options)


def conv(build):
    return build(IMAGE, 3, channels=(4, 8), hidden=16)


def autoencoder(pair=None, **options):
    return kg.Autoencoder(*(pair or dense(networks.mlp_autoencoder)), **options)


def vae(pair=None, **options):
    return kg.VAE(*(pair or dense()), **options)


def two_levels(**options):
    levels = networks.mlp_two_levels(IMAGE, (3, 2), units=(16, 16))
    return kg.VAE(
        levels.encoder,
        levels.decoder,
        prior=kg.TwoLevelPrior(levels.prior, kg.VampPrior(4)),
        posterior=kg.TwoLevelPosterior(levels.posterior),
        **options,
    )


def players(noise_dim=4, **options):
    units = {"generator_units": (16,), "discriminator_units": (16,)}
    return networks.mlp_gan(IMAGE, noise_dim, **units, **options)


def gan(pair=None, **options):
    return kg.GAN(*(pair or players()), seed=3, **options)


def flow(layers, shape=VECTOR, **options):
    return kg.Flow(layers, shape, seed=3, **options)


def image_flow():
    """A flow of digits by class, with both sides of a coupling moved."""
    couplings = bijectors.real_nvp(2, units=(16,))
    return flow(
        [bijectors.Logit(), bijectors.Flatten(), *couplings],
        IMAGE,
        dequantization=bijectors.UniformDequantization(17),
        condition=kg.specs.Classes(NUM_CLASSES),
    )


MODELS = {
    "dense_autoencoder": lambda: autoencoder(seed=3),
    "conv_autoencoder": lambda: autoencoder(conv(networks.conv_autoencoder), seed=3),
    "denoising_autoencoder": lambda: autoencoder(
        corruption=kg.objectives.Masking(0.3), seed=3
    ),
    "sparse_contractive_autoencoder": lambda: autoencoder(
        reconstruction=kg.SquaredError(),
        penalties=[kg.L1Sparsity(0.01), kg.Contractive(0.1)],
        seed=3,
    ),
    "dense_vae": lambda: vae(seed=3),
    "conv_vae": lambda: vae(conv(networks.conv_vae), seed=3),
    "conditional_vae": lambda: vae(dense(num_classes=NUM_CLASSES), seed=3),
    "iwae": lambda: vae(
        objective=kg.IWAE(4), observation=kg.StochasticBinarization(), seed=3
    ),
    "gaussian_vae": lambda: vae(
        dense(shape=VECTOR, latent_dim=2),
        likelihood=kg.Gaussian(0.5, unit_interval=False),
        seed=3,
    ),
    "classifier": lambda: kg.Classifier(
        networks.conv_features(IMAGE, 8, channels=(4, 8)),
        NUM_CLASSES,
        augmentation=kg.RandomShift(1),
        seed=3,
    ),
    "mixture_vae": lambda: vae(
        prior=kg.GaussianMixture.from_moments(**MIXTURE), seed=3
    ),
    "two_level_vae": lambda: two_levels(seed=3),
    "dense_gan": gan,
    "conv_gan": lambda: gan(
        networks.dcgan(
            IMAGE, 4, channels=(4, 8), discriminator_normalization="spectral"
        ),
        objective=kg.LeastSquares(),
    ),
    "conditional_wgan": lambda: gan(
        players(num_classes=NUM_CLASSES),
        objective=kg.Wasserstein(),
        regularizers=[kg.GradientPenalty()],
        discriminator_steps=3,
    ),
    "relativistic_gan": lambda: gan(
        objective=kg.RelativisticPairing(),
        regularizers=[kg.R1(1.0), kg.R2(1.0)],
    ),
    "infogan": lambda: gan(players(7, auxiliary_outputs=5), auxiliary=kg.InfoGAN(3, 1)),
    "augmented_acgan": lambda: gan(
        players(num_classes=NUM_CLASSES, auxiliary_outputs=NUM_CLASSES),
        auxiliary=kg.AuxiliaryClassifier(),
        augmentation=AdaptiveAugmentation(COLOURS, images_to_full=1000),
        regularizers=[kg.R1(1.0)],
        discriminator_steps=2,
    ),
    "style_gan": lambda: gan(
        networks.style_gan(
            IMAGE, 4, channels=(4,), mapping_rate=1.0, num_classes=NUM_CLASSES
        ),
        regularizers=[kg.R1(1.0)],
    ),
    "spline_flow": lambda: flow(bijectors.neural_spline(1, num_bins=4, units=(16,))),
    "autoregressive_flow": lambda: flow(
        bijectors.masked_autoregressive(1, units=(16,)),
        base=bijectors.LearnedMixture(2),
    ),
    "conditional_image_flow": image_flow,
    "flow_matching": lambda: kg.Diffusion(
        networks.mlp_denoiser(VECTOR, units=(16,)),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        seed=3,
    ),
    "guided_diffusion": lambda: kg.Diffusion(
        networks.mlp_denoiser(IMAGE, units=(16,), num_classes=NUM_CLASSES), seed=3
    ),
    "unet_diffusion": lambda: kg.Diffusion(
        networks.unet(IMAGE, channels=(8,), groups=4, num_classes=NUM_CLASSES),
        seed=3,
    ),
    "super_resolution": lambda: kg.Restorer(
        networks.dit(IMAGE, patch=4, width=16, depth=1, condition_channels=1),
        corruption=kg.LowResolution(2),
        seed=3,
    ),
    "binary_made": lambda: kg.PixelAutoregressive(
        networks.pixel_made(IMAGE, units=(32,)),
        observation=kg.StochasticBinarization(),
        seed=3,
    ),
    "conditional_conv_pixels": lambda: kg.PixelAutoregressive(
        networks.gated_pixel_cnn(
            IMAGE, 9, filters=4, blocks=1, num_classes=NUM_CLASSES
        ),
        kg.DiscretizedLogisticMixture(3, 17),
        seed=3,
    ),
}
MODELS["language_model"] = lambda: kg.Autoregressive(
    networks.causal_transformer(
        9, width=8, depth=1, heads=2, context=6, dropout=0.1, kv_heads=1
    ),
    kg.tokenizers.CharacterTokenizer("aeinorst "),
    seed=3,
)
MODELS["sentence_vae"] = lambda: kg.TextVAE(
    networks.text_encoder(9, 2, width=4, units=(6,)),
    networks.recurrent(9, width=4, units=(6,), condition_size=2),
    length=8,
    seed=3,
)
MODELS["own_language_model"] = lambda: kg.Autoregressive(own_tokens(), seed=3)
MODELS["conv_vq_vae"] = lambda: kg.VQVAE(
    *networks.spatial_autoencoder(IMAGE, 3, channels=(8,), blocks=1),
    networks.VectorQuantizer(16, levels=2),
    seed=3,
)
MODELS["table_vae"] = lambda: kg.VAE(
    *networks.mlp_vae(TABLE, 2, units=(16,)), inputs=TABLE, seed=3
)
TABLE = kg.specs.Columns(
    [
        kg.specs.Numeric("carat"),
        kg.specs.Integer("rooms", 0, 9),
        kg.specs.Category("cut", ["fair", "good", "ideal"]),
    ]
)
TWO_PLAYERS = [name for name in MODELS if name.endswith("gan")]


def own_tokens():
    """A network over tokens that knows nothing of keras_gen: no cache, no context."""
    tokens = keras.Input((None,), dtype="int32")
    h = keras.layers.Embedding(10, 8)(tokens)
    h = keras.layers.Conv1D(8, 3, padding="causal", activation="relu")(h)
    network = keras.Model(tokens, keras.layers.Dense(9)(h))
    return networks.LogitsNetwork(network, context=8, start_token=9)


def digits():
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype("float32").reshape((-1, *IMAGE))
    return x, labels.astype("int32")


def vectors(n):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, 2)) @ rng.normal(size=(2, 6))).astype("float32")


def sentences(n):
    """Tokens that follow from those before, in rows of different lengths."""
    x = (np.arange(8) * 2 + np.arange(n)[:, None]) % 9
    return np.where(np.arange(8) < 4 + np.arange(n)[:, None] % 5, x, -1).astype("int32")


def rows_of_a_table(n):
    """Sizes, which decide the rooms, and both the cut."""
    size = np.random.default_rng(0).lognormal(size=n)
    rooms = np.clip(np.round(3 * size), 0, 9)
    return np.stack([size, rooms, (rooms > 2) + (size > 2.0)], axis=1)


@functools.cache
def data_of(name):
    """`(x, y)` of the kind that a model takes."""
    model, (x, y) = MODELS[name](), digits()
    x, y = x[:240], y[:240]
    if isinstance(model.inputs, kg.specs.Tokens):
        x = sentences(len(x))
    elif model.inputs == TABLE:
        x = rows_of_a_table(len(x))
    elif model.inputs.shape == VECTOR:
        x = vectors(len(x))
    return x, y if model.condition else None


def build_case(name):
    x, y = data_of(name)

    def make(optimizer="sgd", *, jit_compile=False, **options):
        random.seed(0)
        model = MODELS[name]()
        optimizers = [keras.optimizers.get(optimizer)]
        if name in TWO_PLAYERS:
            optimizers += [copied(o) for o in optimizers]
        model.compile(*optimizers, jit_compile=jit_compile, **options)
        return model

    falling = () if name in TWO_PLAYERS else ("loss",)  # a game lowers no loss
    return SimpleNamespace(name=name, make=make, x=x, y=y, rows=rows, falling=falling)


def copied(optimizer):
    return type(optimizer).from_config(optimizer.get_config())


def rows(case, start, stop):
    """`(x, y)` of some rows of a case, y None for an unconditional model."""
    return case.x[start:stop], None if case.y is None else case.y[start:stop]


SLOW = ("augmented_acgan", "mixture_vae", "iwae", "gaussian_vae", "conv_gan")
SLOW += ("relativistic_gan", "autoregressive_flow", "infogan")
SLOW += ("sparse_contractive_autoencoder", "conv_autoencoder", "dense_vae", "dense_gan")
SLOW += ("unet_diffusion", "flow_matching", "conditional_image_flow", "conv_vae")
SLOW += (
    "denoising_autoencoder",
    "conditional_conv_pixels",
    "conv_vq_vae",
    "two_level_vae",
    "style_gan",
)  # others share their code


@pytest.fixture(scope="session", params=but_slow([*MODELS], SLOW))
def case(request):
    """Every model of the table; a test may ask for some by `indirect`."""
    return build_case(request.param)


@pytest.fixture
def make_case():
    """Builds a case by name."""
    return build_case


@pytest.fixture(scope="session")
def trained(case):
    """A case overfitted to one batch, with what was seen on the way."""
    rate = 0.002 if case.name == "style_gan" else 0.02  # whose values are clipped
    model = case.make(keras.optimizers.Adam(rate))
    before = [w.numpy() for w in model.trainable_variables]
    x, y = case.rows(case, 0, 16)
    history = model.fit(
        x, y, batch_size=16, epochs=20, verbose=0, validation_data=(x, y)
    ).history
    return SimpleNamespace(case=case, model=model, before=before, history=history)


@pytest.fixture
def state():
    """All numbers that decide how a model goes on: weights, optimizers, counts."""

    def read(model):
        counts = [variable for _, variable in model._counts.items()]
        variables = (*model.variables, *model.optimizer.variables, *counts)
        return [v.numpy() for v in variables]

    return read


@pytest.fixture
def assert_same_state(state):
    """Asserts bit equality of two models and their optimizers."""

    def check(model, other):
        assert [v.shape for v in model.variables] == [v.shape for v in other.variables]
        for a, b in zip(state(model), state(other), strict=True):
            np.testing.assert_array_equal(a, b)

    return check


@pytest.fixture(scope="session")
def run_in_process():
    """Stands for `parity.run_script` where the cost of a process buys nothing."""

    def run(script, *arguments):
        if script == parity.RUNNER:
            return json.dumps(
                runner.main(Path(arguments[0]), arguments[1], Path(arguments[2]))
            )
        try:
            convert.main(*arguments)
        except SystemExit as error:
            message = f"convert failed: {error}"
            raise parity.ScriptError(message, str(error)) from error
        return ""

    return run


@pytest.fixture
def quick(monkeypatch, run_in_process):
    """Exports of this test run their scripts in this process."""
    monkeypatch.setattr(parity, "run_script", run_in_process)
