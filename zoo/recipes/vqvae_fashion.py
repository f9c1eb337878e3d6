"""A VQ-VAE of Fashion-MNIST, and a gated PixelCNN of its codes by class."""

import keras_gen as kg

from ..optimizing import Cosine
from ..vq_vaes import vq_vae_recipe

EPOCHS, STEPS = (15, 10), 469


def build_autoencoder(seed: int) -> "kg.VQVAE":
    """7x7 codes of 512, so 441 bits for 784 pixels."""
    pair = kg.networks.spatial_autoencoder((28, 28, 1), 32, channels=(32, 64))
    quantizer = kg.VectorQuantizer(512)
    return kg.VQVAE(*pair, quantizer, likelihood=kg.Gaussian(0.1), seed=seed)


def build_prior(vq_vae: "kg.VQVAE", seed: int) -> "kg.PixelAutoregressive":
    """The model of codes."""
    number = vq_vae.latent.num_codes
    network = kg.networks.gated_pixel_cnn(
        (*vq_vae.latent.shape, 1),
        number,
        filters=64,
        blocks=6,
        first_kernel_size=3,
        hidden=128,
        position_bias=True,
        num_classes=10,
        num_codes=number,
    )
    return kg.PixelAutoregressive(network, kg.Categorical(number), seed=seed)


recipe = vq_vae_recipe(
    build_autoencoder,
    build_prior,
    EPOCHS,
    rates=(Cosine(1e-3, EPOCHS[0] * STEPS), Cosine(2e-3, EPOCHS[1] * STEPS)),
    data="fashion_mnist",
    batch_size=128,
    parameters=1_035_361,
    source="van den Oord et al. 2017, Razavi et al. 2019, small",
    expected={"frechet_distance": (6.0, 10.0), "codebook_usage": (0.9, 1.0)},
    results={
        "elbo": 755.1,
        "bits_per_dim": 6.6105,
        "codebook_usage": 1.0,
        "codebook_perplexity": 396.4,
        "reconstruction_error": 0.0331,
        "frechet_distance": 7.686,
        "kernel_distance": 0.7333,
        "precision": 0.822,
        "recall": 0.553,
        "density": 0.9,
        "coverage": 0.714,
        "memorization": 0.403,
        "label_agreement": 0.8595,
    },
)
