"""A convolutional VAE of normal heartbeats, which detects others."""

from keras_gen.specs import Series

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    Series(128, 1),
    steps=66,
    epochs=20,
    size="tiny",
    batch_size=64,
    data="heartbeats",
    normal="normal",
    parameters=0,
    source="Kingma and Welling 2013; An and Cho 2015 (detection)",
    expected={},
    results={},
)
