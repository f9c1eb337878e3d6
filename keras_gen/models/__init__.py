"""Models: one file per family."""

from .autoencoder import Autoencoder
from .classifier import Classifier
from .vae import VAE

__all__ = ["VAE", "Autoencoder", "Classifier"]
