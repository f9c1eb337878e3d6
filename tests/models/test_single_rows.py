"""A single row is compiled by XLA; it gives what it gives among others."""

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen.samplers import SOLVERS

from ..marks import but_slow

RNG = np.random.default_rng(0)
X, LABELS = RNG.random((5, 8, 8, 1), np.float32), np.array([0, 1, 2, 0, 1])
MASK = np.zeros((8, 8), np.float32)
MASK[:4] = 1


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr("keras_gen.rows.num_threads", lambda: 2)


def trained(model, labels):
    """The model after a step that moves its last layer from 0."""
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(X, labels, epochs=3, verbose=0)
    return model


@pytest.fixture(scope="module")
def diffusion():
    network = kg.networks.mlp_denoiser((8, 8, 1), units=(16,), num_classes=3)
    return trained(kg.Diffusion(network, guidance_scale=2.0, seed=0), LABELS)


@pytest.fixture(scope="module")
def restorer():
    network = kg.networks.dit((8, 8, 1), width=16, depth=1, condition_channels=1)
    corruption = kg.objectives.LowResolution(2)
    return trained(kg.Restorer(network, corruption=corruption, seed=0), None)


CALLS = {
    "encode": lambda m, x, y: m.encode(x, condition=y),
    "decode": lambda m, x, y: m.decode(x, condition=y),
    "inpaint": lambda m, x, y: m.inpaint(x, MASK, condition=y, seed=1),
    "image_to_image": lambda m, x, y: m.image_to_image(x, 0.5, condition=y, seed=1),
    "denoise": lambda m, x, y: m.denoise(x, 0.1, condition=y),
    "denoise_blind": lambda m, x, y: m.denoise(x, condition=y),
    "elbo": lambda m, x, y: m.elbo(x, condition=y, seed=1, num_draws=3),
}


@pytest.mark.parametrize("name", but_slow([*CALLS], ("decode", "inpaint", "elbo")))
def test_a_row_alone_is_what_it_is_among_others(name, diffusion):
    several = CALLS[name](diffusion, X, LABELS)
    alone = CALLS[name](diffusion, X[:1], LABELS[:1])
    np.testing.assert_allclose(alone, several[:1], rtol=1e-4, atol=1e-4)
    assert diffusion._rows._uses_xla(1)
    assert not diffusion._rows._uses_xla(diffusion._per_call(X))


@pytest.mark.parametrize("solver", but_slow([*SOLVERS], {*SOLVERS} - {"ddim", "ddpm"}))
def test_a_sample_alone_is_what_it_is_among_others(solver, diffusion):
    options = {"seed": 3, "solver": solver, "num_steps": 4}
    several = diffusion.sample(5, condition=LABELS, **options)
    alone = diffusion.sample(1, condition=0, **options)
    np.testing.assert_allclose(alone, several[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_sample_of_convolutions_alone_is_what_it_is_among_others():
    network = kg.networks.unet((8, 8, 1), channels=(8,))
    model = trained(kg.Diffusion(network, seed=0), None)
    several, alone = (model.sample(n, seed=3, num_steps=4) for n in (5, 1))
    np.testing.assert_allclose(alone, several[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_an_image_is_restored_alone_as_among_others(restorer):
    several, alone = restorer.restore(X, seed=1), restorer.restore(X[:1], seed=1)
    np.testing.assert_allclose(alone, several[:1], rtol=1e-4, atol=1e-4)
