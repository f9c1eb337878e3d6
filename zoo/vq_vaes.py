"""Shared parts of the recipes of VQ-VAEs."""

import functools

from .latents import latent_recipe

vq_vae_recipe = functools.partial(latent_recipe, family="VQ-VAE")
