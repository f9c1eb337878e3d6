"""A VAE of measurements of benign tumours, which detects malignant ones."""

from keras_gen.specs import Vectors

from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    Vectors(30),
    steps=9,
    epochs=112,
    size="tiny",
    batch_size=32,
    data="breast_cancer",
    normal="benign",
    parameters=0,
    source="Kingma and Welling 2013; An and Cho 2015 (detection)",
    expected={},
    results={},
)
