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
    source="Burda et al. 2015, one stochastic layer, k = 5",
    expected={"importance_log_prob": (-92, -84)},
    results={},
    evaluation={"importance_samples": 5000},
)
