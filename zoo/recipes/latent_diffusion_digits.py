"""Latent diffusion of scikit-learn's digits: a VAE, then flow matching of its codes."""

import keras_gen as kg

from ..optimizing import Cosine, compiled
from ..recipe import Recipe, Stage

LATENT, EPOCHS, STEPS = 8, 400, 23
RATE = Cosine(1e-3, EPOCHS * STEPS)


def build_autoencoder(seed: int) -> "kg.VAE":
    """The compiled VAE, which tells more of an example than one that is to generate."""
    likelihood = kg.DiscretizedLogistic(levels=17)
    encoder, decoder = kg.networks.mlp_vae(
        (8, 8, 1),
        LATENT,
        units=(256, 128),
        values_per_channel=likelihood.values_per_channel,
    )
    how = {"likelihood": likelihood, "objective": kg.ELBO(beta=0.5)}
    model = kg.VAE(encoder, decoder, **how, seed=seed)
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
        Stage("autoencoder", build_autoencoder, epochs=100),
        Stage("prior", build_latent, epochs=EPOCHS, rate=RATE),
    ),
    family="latent diffusion",
    data="digits",
    parameters=312_088,
    source="Rombach et al. 2022, Esser et al. 2024, small",
    expected={"elbo": (-94, -90), "frechet_distance": (2.4, 4.4)},
    results={
        "elbo": -91.99,
        "frechet_distance": 3.367,
        "kernel_distance": 4.042,
        "precision": 0.867,
        "recall": 0.772,
        "density": 0.994,
        "coverage": 0.953,
        "memorization": 0.531,
    },
)
