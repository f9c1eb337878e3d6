"""A convolutional VAE of 64x64 emoji, by category."""

from keras_gen.specs import Classes, Images

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    Images(64, 64, 3),
    Classes(9),
    steps=108,
    epochs=40,
    size="small",
    learning_rate=1e-3,
    batch_size=64,
    data="emoji",
    parameters=0,
    source="Kingma and Welling 2013, Sohn et al. 2015",
    expected={},
    results={},
)
