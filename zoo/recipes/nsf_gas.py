"""A neural spline flow of gas sensors."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 240, 1_665

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(10, num_bins=8, bound=3.0, units=(256,) * 5),
    (8,),
    rate=Cosine(5e-4, EPOCHS * STEPS),
    adam={"global_clipnorm": 5.0},
    data="gas",
    epochs=EPOCHS,
    batch_size=512,
    parameters=2_882_280,
    source=(
        "after Durkan et al. 2019, RQ-NSF (C), its widths and steps unverified; 5 "
        "plain layers for the residual network of 2 blocks, no dropout, no splines "
        "of the kept half"
    ),
    expected={},
    results={},
)
