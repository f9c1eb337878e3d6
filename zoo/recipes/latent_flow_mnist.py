"""Flow matching of the codes of a dense VAE of MNIST."""

import keras_gen as kg

from ..optimizing import Cosine, compiled
from ..recipe import Recipe, Stage

LATENT, EPOCHS, STEPS = 20, 30, 469
RATE = Cosine(1e-3, EPOCHS * STEPS)


def build_autoencoder(seed: int) -> "kg.VAE":
    """The compiled VAE 784-400-20."""
    model = kg.VAE(*kg.networks.mlp_vae((28, 28, 1), LATENT, units=(400,)), seed=seed)
    model.compile()
    return model


def build_latent(
    seed: int, autoencoder: "kg.VAE", steps: int | None = None
) -> "kg.Latent":
    """The compiled model over the trained VAE."""
    prior = kg.Diffusion(
        kg.networks.mlp_denoiser((LATENT,), units=(256, 256, 256)),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.Uniform(), 10),
        inputs=autoencoder.latent,
        seed=seed,
    )
    return compiled(kg.Latent(autoencoder, prior), RATE, steps)


recipe = Recipe(
    stages=(
        Stage("autoencoder", build_autoencoder, epochs=20),
        Stage("prior", build_latent, epochs=EPOCHS, rate=RATE),
    ),
    family="latent diffusion",
    data="mnist",
    batch_size=128,
    parameters=852_396,
    source="Dai and Wipf 2019 (two stages), Lipman et al. 2023",
    expected={"elbo": (-101, -98)},
    results={
        "elbo": -99.35,
        "frechet_distance": 52.95,
        "kernel_distance": 22.37,
        "precision": 0.833,
        "recall": 0.405,
        "density": 0.885,
        "coverage": 0.734,
        "memorization": 0.325,
    },
)
