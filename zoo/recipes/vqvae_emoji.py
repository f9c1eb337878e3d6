"""A VQ-VAE of 64x64 emoji with two levels of codes, and a transformer by category."""

import keras_gen as kg

from ..optimizing import Cosine
from ..vq_vaes import vq_vae_recipe

EPOCHS, STEPS = (60, 30), 108


def build_autoencoder(seed: int) -> "kg.VQVAE":
    """8x8 places with two codes of 512 each, so 1,152 bits of 12,288 values."""
    pair = kg.networks.spatial_autoencoder((64, 64, 3), 64, channels=(32, 64, 128))
    quantizer = kg.VectorQuantizer(512, levels=2, commitment=4.0)
    return kg.VQVAE(*pair, quantizer, likelihood=kg.Gaussian(0.1), seed=seed)


def build_prior(vq_vae: "kg.VQVAE", seed: int) -> "kg.Autoregressive":
    """The model of codes."""
    number, size = vq_vae.latent.num_codes, vq_vae.latent.size
    network = kg.networks.causal_transformer(
        number,
        width=128,
        depth=6,
        heads=4,
        context=size,
        positions="learned",
        dropout=0.2,
        condition_size=9,
    )
    return kg.Autoregressive(network, length=size, seed=seed)


recipe = vq_vae_recipe(
    build_autoencoder,
    build_prior,
    EPOCHS,
    rates=(
        Cosine(1e-3, EPOCHS[0] * STEPS),
        Cosine(2e-3, EPOCHS[1] * STEPS, warmup_steps=100),
    ),
    data="emoji",
    batch_size=64,
    parameters=2_075_075,
    source="van den Oord et al. 2017, Lee et al. 2022, small",
    expected={},
    results={},
)
