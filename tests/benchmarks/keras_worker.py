"""keras_gen: the model of a recipe, `compile()` and `fit` on an array."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from worker import Trainer, seconds_of, serve  # noqa: E402

import keras_gen as kg  # noqa: E402


def vqvae(seed):
    """A VQ-VAE of 28x28 images."""
    pair = kg.networks.spatial_autoencoder((28, 28, 1), 32, channels=(32, 64))
    how = {"likelihood": kg.Gaussian(0.1), "seed": seed}
    return kg.VQVAE(*pair, kg.VectorQuantizer(512), **how)


class KerasTrainer(Trainer):
    def make(self, recipe, seed, init):
        del init
        keras.utils.set_random_seed(seed)
        if recipe == "vqvae_mnist":
            self.model = vqvae(seed)
        else:
            self.model = kg.zoo.find_recipe(recipe).build(seed)
        self.model.compile()
        return sum(v.shape.num_elements() for v in self.model.trainable_variables)

    def epochs(self, epochs):
        how = {"batch_size": self.batch_size, "epochs": epochs}
        self.model.fit(*self.data, verbose=0, **how)

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
