"""A VAE of chemical analyses of wines, by cultivar."""

import keras_gen as kg

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    lambda: (kg.specs.Vectors(13), kg.specs.Classes(3)),
    steps=9,
    epochs=150,
    size="tiny",
    batch_size=16,
    data="wine",
    parameters=23_914,
    source="Kingma and Welling 2013, Sohn et al. 2015",
    expected={
        "elbo": (-15.0, -11.5),
    },
    results={
        "elbo": -13.28,
        "importance_log_prob": -12.35,
        "active_units": 8,
        "frechet_distance": 2.207,
        "kernel_distance": -0.07,
        "precision": 0.917,
        "recall": 0.75,
        "density": 1.2,
        "coverage": 1.0,
        "memorization": 0.587,
    },
)
