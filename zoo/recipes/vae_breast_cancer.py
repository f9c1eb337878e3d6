"""A VAE of measurements of benign tumours, which detects malignant ones."""

import keras_gen as kg

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    lambda: (kg.specs.Vectors(30), None),
    steps=9,
    epochs=112,
    size="tiny",
    batch_size=32,
    data="breast_cancer",
    normal="benign",
    parameters=29_900,
    source="Kingma and Welling 2013; An and Cho 2015 (detection)",
    expected={
        "anomaly_auc": (0.9, 1.0),
    },
    results={
        "elbo": -15.65,
        "importance_log_prob": -9.04,
        "active_units": 8,
        "frechet_distance": 8.007,
        "kernel_distance": 0.232,
        "precision": 0.875,
        "recall": 0.694,
        "density": 0.9,
        "coverage": 0.958,
        "memorization": 0.436,
        "anomaly_auc": 0.958,
    },
)
