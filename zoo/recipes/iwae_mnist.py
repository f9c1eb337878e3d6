"""The one-layer IWAE of Burda et al. on stochastically binarized MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_vae(
        (28, 28, 1), 50, units=(200, 200), activation="tanh"
    )
    model = kg.VAE(
        encoder,
        decoder,
        objective=kg.IWAE(num_samples=5),
        observation=kg.StochasticBinarization(),
        seed=seed,
    )
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="mnist",
    epochs=100,
    parameters=425_284,
    source="Burda et al. 2015, one layer, k = 5; there -85.54 after 3280 epochs",
    expected={"importance_log_prob": (-90.5, -88.5)},
    results={
        "elbo": -99.05,
        "importance_log_prob": -89.39,
        "active_units": 20,
        "frechet_distance": 86.55,
        "kernel_distance": 30.9,
        "precision": 0.755,
        "recall": 0.559,
        "density": 0.627,
        "coverage": 0.507,
        "memorization": 0.188,
    },
    evaluation={"importance_samples": 5000},
)
