"""A masked autoregressive flow of patches of photographs."""

import keras_gen as kg

from ..flows import flow_recipe

recipe = flow_recipe(
    lambda: kg.bijectors.masked_autoregressive(5, units=(512, 512)),
    (63,),
    rate=1e-4,
    data="bsds300",
    epochs=100,
    batch_size=100,
    parameters=1_800_940,
    source=(
        "Papamakarios, Pavlakou and Murray 2017, MAF(5); activation normalization for "
        "batch normalization, a fixed number of epochs for early stopping, no weight "
        "decay"
    ),
    expected={},
    results={},
)
