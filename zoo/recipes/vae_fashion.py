"""A VAE of Fashion-MNIST whose prior is a mixture of its own posteriors."""

import keras_gen as kg

from ..gated_vaes import gated_vae_recipe

recipe = gated_vae_recipe(
    data="fashion_mnist",
    is_grey=True,
    prior=lambda: kg.VampPrior(500),
    steps=600,
    epochs=100,
    parameters=1_508_864,
    source="Tomczak and Welling 2018; -227.35 in Norouzi et al. 2020",
    expected={"importance_log_prob": (-230.0, -227.0)},
    results={
        "elbo": -229.97,
        "importance_log_prob": -228.08,
        "active_units": 33,
        "frechet_distance": 14.18,
        "kernel_distance": 1.183,
        "precision": 0.867,
        "recall": 0.269,
        "density": 0.991,
        "coverage": 0.653,
        "memorization": 0.446,
    },
)
