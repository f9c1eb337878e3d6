"""A dense VAE of 8x8 digits."""

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
    )
    model = kg.VAE(encoder, decoder, likelihood=likelihood, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="digits",
    epochs=100,
    parameters=117_900,
    source="Kingma and Welling 2013; the scans have 17 grey levels",
    expected={"elbo": (-90, -87)},
    results={
        "elbo": -88.64,
        "importance_log_prob": -85.67,
        "active_units": 6,
        "frechet_distance": 17.05,
        "kernel_distance": 102.1,
        "precision": 0.636,
        "recall": 0.769,
        "density": 0.589,
        "coverage": 0.781,
        "memorization": 0.255,
    },
)
