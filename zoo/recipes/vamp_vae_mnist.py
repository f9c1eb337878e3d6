"""A VAE of binarized MNIST whose prior is a mixture of its own posteriors."""

import keras_gen as kg

from ..gated_vaes import gated_vae_recipe

recipe = gated_vae_recipe(
    data="binarized_mnist",
    prior=lambda: kg.VampPrior(500),
    steps=600,
    epochs=100,
    parameters=1_508_864,
    source="Tomczak and Welling 2018: -85.57",
    expected={"importance_log_prob": (-85.5, -84.3)},
    results={
        "elbo": -89.34,
        "importance_log_prob": -84.88,
        "active_units": 34,
        "frechet_distance": 25.46,
        "kernel_distance": 8.816,
        "precision": 0.819,
        "recall": 0.567,
        "density": 0.85,
        "coverage": 0.783,
        "memorization": 0.476,
    },
)
