"""A PixelCNN of MNIST, binarized anew at each step: an hour of one CPU core."""

import keras_gen as kg

from ..optimizing import Cosine
from ..pixels import pixel_recipe

EPOCHS, STEPS = 3, 7500

recipe = pixel_recipe(
    lambda: kg.networks.pixel_cnn(
        (28, 28, 1), blocks=8, first_kernel_size=19, position_bias=True
    ),
    rate=Cosine(3e-3, EPOCHS * STEPS),
    data="mnist",
    epochs=EPOCHS,
    batch_size=8,
    evaluation={"num_samples": 2_000},
    parameters=345_921,
    source="van den Oord et al. 2016, small, with a bias per pixel",
    expected={"log_prob": (-83.2, -82.2)},
    results={
        "log_prob": -82.74,
        "bits_per_dim": 0.152,
        "frechet_distance": 14.8,
        "kernel_distance": 3.272,
        "precision": 0.618,
        "recall": 0.895,
        "density": 0.501,
        "coverage": 0.328,
        "memorization": 0.254,
    },
)
