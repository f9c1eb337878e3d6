"""EDM of scikit-learn's digits."""

import keras_gen as kg

from ..diffusions import diffusion_recipe

EPOCHS, STEPS = 150, 22

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((8, 8, 1), channels=(32, 64)),
        kg.schedules.Karras(),
        kg.parameterizations.Preconditioned(deviation=0.75),
        times=kg.LogNormalLevels(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.Rho(), 18),
        seed=seed,
    ),
    rate=1e-3,
    decay_steps=EPOCHS * STEPS,
    epochs=EPOCHS,
    batch_size=64,
    data="digits",
    parameters=593_185,
    evaluation={"levels": 17},
    source="Karras et al. 2022",
    expected={"frechet_distance": (0, 1000)},
    results={
        "frechet_distance": 0.5,
    },
)
