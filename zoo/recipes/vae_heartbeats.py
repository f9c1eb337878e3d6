"""A convolutional VAE of normal heartbeats, which detects others."""

import keras_gen as kg

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    lambda: (kg.specs.Series(128, 1), None),
    steps=66,
    epochs=20,
    size="tiny",
    batch_size=64,
    data="heartbeats",
    normal="normal",
    parameters=37_706,
    source="Kingma and Welling 2013; An and Cho 2015 (detection)",
    expected={
        "anomaly_auc": (0.95, 0.99),
    },
    results={
        "elbo": 271.99,
        "importance_log_prob": 275.24,
        "active_units": 8,
        "frechet_distance": 14.14,
        "kernel_distance": 0.451,
        "precision": 0.062,
        "recall": 0.887,
        "density": 0.031,
        "coverage": 0.112,
        "memorization": 0.025,
        "anomaly_auc": 0.9849,
    },
)
