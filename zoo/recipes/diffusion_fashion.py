"""Flow matching of Fashion-MNIST, guided by class."""

import keras_gen as kg

from ..diffusions import diffusion_recipe, flow_matching
from ..optimizing import Cosine

EPOCHS, STEPS = 6, 938

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((28, 28, 1), patch=2, channels=(32, 64, 128), num_classes=10),
        **flow_matching(),
        guidance_scale=2.0,
        sampling=kg.samplers.Sampling(grid=kg.samplers.KarrasGrid()),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    epochs=EPOCHS,
    batch_size=64,
    data="fashion_mnist",
    parameters=2_205_860,
    source="Lipman et al. 2023, Hoogeboom et al. 2023",
    expected={"label_agreement": (0.94, 1.0), "frechet_distance": (3.5, 6.5)},
    results={
        "elbo": -2996.2,
        "bits_per_dim": 5.5135,
        "frechet_distance": 4.796,
        "kernel_distance": 0.3936,
        "precision": 0.861,
        "recall": 0.483,
        "density": 1.0,
        "coverage": 0.752,
        "memorization": 0.486,
        "label_agreement": 0.9709,
    },
)
