"""Latent diffusion of scikit-learn's digits: a VAE, then flow matching of its codes."""

import keras_gen as kg

from ..diffusions import latent_flow_recipe
from ..optimizing import Cosine

LATENT, EPOCHS, STEPS = 8, 400, 23


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


recipe = latent_flow_recipe(
    build_autoencoder,
    (100, EPOCHS),
    rate=Cosine(1e-3, EPOCHS * STEPS),
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
