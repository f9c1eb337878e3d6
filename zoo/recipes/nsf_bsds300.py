"""A neural spline flow of patches of photographs."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 205, 1_954

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(20, num_bins=8, bound=3.0, units=(128,) * 3),
    (63,),
    rate=Cosine(5e-4, EPOCHS * STEPS),
    adam={"global_clipnorm": 5.0},
    data="bsds300",
    epochs=EPOCHS,
    batch_size=512,
    parameters=2_744_520,
    source=(
        "after Durkan et al. 2019, RQ-NSF (C), its widths and steps unverified; 3 "
        "plain layers for the residual network of 1 block, no dropout, no splines "
        "of the kept half"
    ),
    expected={},
    results={},
)
