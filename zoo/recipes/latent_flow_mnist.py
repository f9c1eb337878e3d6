"""Flow matching of the codes of a dense VAE of MNIST."""

import keras_gen as kg

from ..diffusions import latent_flow_recipe
from ..optimizing import Cosine

LATENT, EPOCHS, STEPS = 20, 30, 469


def build_autoencoder(seed: int) -> "kg.VAE":
    """The compiled VAE 784-400-20."""
    model = kg.VAE(*kg.networks.mlp_vae((28, 28, 1), LATENT, units=(400,)), seed=seed)
    model.compile()
    return model


recipe = latent_flow_recipe(
    build_autoencoder,
    (20, EPOCHS),
    rate=Cosine(1e-3, EPOCHS * STEPS),
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
