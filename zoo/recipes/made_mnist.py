"""MADE of MNIST, binarized anew at each step."""

import keras_gen as kg

from ..optimizing import Cosine
from ..pixels import pixel_recipe

EPOCHS, STEPS = 40, 300

recipe = pixel_recipe(
    lambda: kg.networks.pixel_made((28, 28, 1), units=(2048,)),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    data="mnist",
    epochs=EPOCHS,
    batch_size=200,
    parameters=3_214_096,
    source="Germain et al. 2015, one hidden layer",
    expected={"log_prob": (-87.0, -86.1)},
    results={
        "log_prob": -86.56,
        "bits_per_dim": 0.159,
        "frechet_distance": 40.99,
        "kernel_distance": 11.22,
        "precision": 0.727,
        "recall": 0.795,
        "density": 0.622,
        "coverage": 0.703,
        "memorization": 0.26,
    },
)
