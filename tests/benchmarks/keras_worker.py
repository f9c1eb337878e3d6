"""keras_gen: the model of a recipe, `compile()` and `fit` on an array."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from worker import BATCH_SIZE, Trainer, seconds_of, serve  # noqa: E402

import keras_gen as kg  # noqa: E402


class KerasTrainer(Trainer):
    def make(self, recipe, seed, init):
        del init
        keras.utils.set_random_seed(seed)
        self.model = kg.zoo.find_recipe(recipe).build(seed)
        return sum(v.shape.num_elements() for v in self.model.trainable_variables)

    def epochs(self, epochs):
        self.model.fit(self.x, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)

    def score(self):
        """Mean test loss, nats per image."""
        return self.model.evaluate(self.test, verbose=0, return_dict=True)["loss"]

    def product(self, size, count):
        """Seconds that `count` products of two square matrices of a size take."""
        if not hasattr(self, "products"):
            self.products = tf.function(products)
            self.matrix = tf.random.normal((size, size)) / size**0.5
            self.products(self.matrix, tf.constant(1))
        return seconds_of(lambda: float(self.products(self.matrix, tf.constant(count))))


def products(x, count):
    """The power `count` + 1 of a matrix, one product after the other."""
    power = x
    for _ in tf.range(count):
        power = tf.matmul(power, x)
    return power[0, 0]


if __name__ == "__main__":
    serve(KerasTrainer())
