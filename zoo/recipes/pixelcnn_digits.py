"""A gated PixelCNN of scikit-learn's digits."""

import keras_gen as kg

from ..optimizing import Cosine
from ..pixels import pixel_recipe

EPOCHS, STEPS = 80, 23

recipe = pixel_recipe(
    lambda: kg.networks.gated_pixel_cnn(
        (8, 8, 1), 15, filters=32, blocks=5, first_kernel_size=5
    ),
    lambda: kg.DiscretizedLogisticMixture(5, levels=17),
    rate=Cosine(2e-3, EPOCHS * STEPS, share=22 / 23),
    data="digits",
    epochs=EPOCHS,
    batch_size=64,
    parameters=100_271,
    source="van den Oord et al. 2016, Salimans et al. 2017, small",
    expected={"bits_per_dim": (1.78, 1.84)},
    results={
        "log_prob": -80.3,
        "bits_per_dim": 1.81,
        "frechet_distance": 5.468,
        "kernel_distance": -0.363,
        "precision": 0.681,
        "recall": 0.944,
        "density": 0.572,
        "coverage": 0.833,
        "memorization": 0.211,
    },
)
