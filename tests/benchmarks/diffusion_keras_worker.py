"""keras_gen: DDPM's schedule and target, `compile()`, `fit` and `sample`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from diffusion_worker import LEARNING_RATE, DiffusionTrainer  # noqa: E402
from worker import BATCH_SIZE, seconds_of, serve  # noqa: E402

import keras_gen as kg  # noqa: E402


class KerasDiffusion(DiffusionTrainer):
    def make(self, seed):
        keras.utils.set_random_seed(seed)
        self.model = kg.Diffusion(
            kg.networks.unet((28, 28, 1), channels=(32, 64, 80)),
            kg.schedules.Linear(),
            kg.parameterizations.Epsilon(),
            ema_decay=None,
            seed=seed,
        )
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE))
        self.chain = tf.function(self.calls_in_a_row)
        return sum(v.shape.num_elements() for v in self.model.trainable_variables)

    def epochs(self, epochs):
        self.model.fit(self.x, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)

    def draw(self, batch_size, solver, steps):
        """Images in [0, 1], `(batch_size, 28, 28, 1)`."""
        return self.model.sample(batch_size, solver=solver, num_steps=steps)

    def network(self, batch_size, calls, steps):
        """As `sample`, for the network alone: `steps` calls of it in one graph."""
        x = tf.random.normal((batch_size, 28, 28, 1))

        def draw():
            for _ in range(calls):
                self.chain(x, tf.constant(steps)).numpy()

        return seconds_of(draw)

    def calls_in_a_row(self, x, steps):
        """The network's output as its own next input, so many times."""
        level = tf.zeros((len(x), 1))
        for _ in tf.range(steps):
            x = self.model.sampling_network([x, level], training=False)
        return x


if __name__ == "__main__":
    serve(KerasDiffusion())
