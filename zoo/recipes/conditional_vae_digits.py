"""A class-conditional VAE of 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    likelihood = kg.DiscretizedLogistic(levels=17)
    encoder, decoder = kg.networks.mlp_vae(
        (8, 8, 1),
        6,
        units=(256, 128),
        values_per_channel=likelihood.values_per_channel,
        num_classes=10,
    )
    model = kg.VAE(encoder, decoder, likelihood=likelihood, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="digits",
    epochs=100,
    parameters=121_740,
    source="Sohn et al. 2015; the scans have 17 grey levels",
    expected={"elbo": (-87, -83.5)},
    results={
        "elbo": -85.56,
        "importance_log_prob": -82.18,
        "active_units": 6,
        "frechet_distance": 4.0,
        "kernel_distance": 16.65,
        "precision": 0.944,
        "recall": 0.65,
        "density": 1.156,
        "coverage": 0.942,
        "memorization": 0.576,
    },
)
