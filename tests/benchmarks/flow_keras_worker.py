"""keras_gen: the usual bijectors, `compile()`, `fit` and `sample`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
from flow_worker import (  # noqa: E402
    BATCH_SIZE,
    BINS,
    LAYERS,
    LEARNING_RATE,
    UNITS,
    FlowTrainer,
)
from worker import serve  # noqa: E402

import keras_gen as kg  # noqa: E402


def bijectors(model):
    count = LAYERS[model]
    if model == "RealNVP":
        return kg.bijectors.real_nvp(count, units=UNITS)
    if model == "MAF":
        return kg.bijectors.masked_autoregressive(count, units=UNITS)
    options = {"num_bins": BINS, "units": UNITS, "autoregressive": True}
    return kg.bijectors.neural_spline(count, **options)


class KerasFlow(FlowTrainer):
    def make(self, model, seed):
        keras.utils.set_random_seed(seed)
        self.model = kg.Flow(bijectors(model), self.x.shape[1:], seed=seed)
        jit = "auto" if self.quick else False
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=jit)
        return sum(v.shape.num_elements() for v in self.model.trainable_variables)

    def epochs(self, epochs):
        self.model.fit(self.x, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)

    def draw(self, num):
        self.model.sample(num, seed=0)

    def log_prob(self, x):
        return self.model.log_prob(x)

    def weights(self):
        return self.model.get_weights()

    def restore(self, weights):
        self.model.set_weights(weights)


if __name__ == "__main__":
    serve(KerasFlow())
