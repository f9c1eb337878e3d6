"""A relativistic GAN of 64x64 emoji, by category."""

from keras_gen.specs import Classes, Images

from ..presets.gan import recipe as preset

recipe = preset.recipe_for(
    Images(64, 64, 3),
    Classes(9),
    steps=108,
    epochs=60,
    size="tiny",
    learning_rate=2e-4,
    batch_size=64,
    data="emoji",
    parameters=0,
    source="Huang et al. 2025",
    expected={},
    results={},
)
