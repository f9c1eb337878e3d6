"""A neural spline flow of particle collisions."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 325, 1_231

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(20, num_bins=8, bound=3.0, units=(128,) * 3),
    (21,),
    rate=Cosine(5e-4, EPOCHS * STEPS),
    adam={"global_clipnorm": 5.0},
    data="hepmass",
    epochs=EPOCHS,
    batch_size=256,
    parameters=1_302_660,
    source=(
        "after Durkan et al. 2019, RQ-NSF (C), its widths and steps unverified; 3 "
        "plain layers for the residual network of 1 block, no dropout, no splines "
        "of the kept half"
    ),
    expected={},
    results={},
)
