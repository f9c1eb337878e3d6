"""A neural spline flow of neutrino events."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 866, 231

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(10, num_bins=4, bound=3.0, units=(32,) * 3),
    (43,),
    rate=Cosine(3e-4, EPOCHS * STEPS),
    adam={"global_clipnorm": 5.0},
    data="miniboone",
    epochs=EPOCHS,
    batch_size=128,
    parameters=142_120,
    source=(
        "after Durkan et al. 2019, RQ-NSF (C), its widths and steps unverified; 3 "
        "plain layers for the residual network of 1 block, no dropout, no splines "
        "of the kept half"
    ),
    expected={},
    results={},
)
