"""Models: one file per family."""

from .autoencoder import Autoencoder
from .autoregressive import Autoregressive
from .classifier import Classifier
from .diffusion import Consistency, Diffusion, Restorer
from .flow import Flow
from .gan import GAN
from .latent import Latent, LatentDensity
from .pixels import PixelAutoregressive
from .text_vae import TextVAE
from .translation import CycleGAN, Pix2Pix
from .vae import VAE
from .vq_vae import VQVAE

__all__ = [
    "GAN",
    "VAE",
    "VQVAE",
    "Autoencoder",
    "Autoregressive",
    "Classifier",
    "Consistency",
    "CycleGAN",
    "Diffusion",
    "Flow",
    "Latent",
    "LatentDensity",
    "Pix2Pix",
    "PixelAutoregressive",
    "Restorer",
    "TextVAE",
]
