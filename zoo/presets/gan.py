"""A relativistic GAN with R1 and R2, dense or residual."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..preset import Preset, channels, suits_convolutions

if TYPE_CHECKING:
    from keras_gen.specs import Spec


def make(inputs: "Spec", condition: "Spec | None", width: int, seed: int) -> kg.GAN:
    """The model."""
    sizes: dict[str, Any] = {"num_classes": kg.specs.num_classes(condition)}
    if suits_convolutions(inputs):
        sizes |= {"channels": channels(inputs, width), "spectral_norm": False}
        pair = kg.networks.residual_gan(inputs.shape, **sizes, batch_norm=False)
    else:
        units = (8 * width, 8 * width)
        sizes |= {"generator_units": units, "discriminator_units": units}
        pair = kg.networks.mlp_gan(inputs.shape, 2 * width, **sizes)
    return kg.GAN(
        *pair,
        objective=kg.RelativisticPairing(),
        regularizers=[kg.R1(1.0), kg.R2(1.0)],
        inputs=inputs,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Clips", "Vectors", "Columns"),
    family="GAN",
    rate=2e-4,
    adam={"beta_1": 0.0, "beta_2": 0.99},
    source="Huang et al. 2025",
)
