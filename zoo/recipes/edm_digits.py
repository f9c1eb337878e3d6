"""EDM of scikit-learn's digits."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 150, 23

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((8, 8, 1), channels=(32, 64)),
        kg.schedules.VarianceExploding(),
        kg.parameterizations.Preconditioned(deviation=0.75),
        times=kg.LogNormalLevels(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.KarrasGrid(), 18),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=22 / 23),
    epochs=EPOCHS,
    batch_size=64,
    data="digits",
    parameters=593_185,
    evaluation={"levels": 17},
    source="Karras et al. 2022",
    expected={"bits_per_dim": (6.6, 6.7)},
    results={
        "elbo": -295.04,
        "bits_per_dim": 6.651,
        "frechet_distance": 1.919,
        "kernel_distance": -7.527,
        "precision": 0.886,
        "recall": 0.881,
        "density": 0.949,
        "coverage": 0.956,
        "memorization": 0.511,
    },
)
