"""A VAE of chemical analyses of wines, by cultivar."""

from keras_gen.specs import Classes, Vectors

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    Vectors(13),
    Classes(3),
    steps=9,
    epochs=150,
    size="tiny",
    batch_size=16,
    data="wine",
    parameters=0,
    source="Kingma and Welling 2013, Sohn et al. 2015",
    expected={},
    results={},
)
