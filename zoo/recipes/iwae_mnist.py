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
        "elbo": -99.57,
        "importance_log_prob": -89.5,
        "active_units": 22,
        "frechet_distance": 86.83,
        "kernel_distance": 31.13,
        "precision": 0.761,
        "recall": 0.556,
        "density": 0.638,
        "coverage": 0.513,
        "memorization": 0.191,
    },
    evaluation={"importance_samples": 5000},
)
