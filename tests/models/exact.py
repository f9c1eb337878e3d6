"""A network that is right about Gaussian data, for tests."""

import keras
import tensorflow as tf

from keras_gen import schedules

PAIRS = {
    "linear": schedules.Linear(),
    "cosine": schedules.Cosine(),
    "karras": schedules.VarianceExploding(),
    "rectified flow": schedules.RectifiedFlow(),
}


@keras.saving.register_keras_serializable(package="tests")
class ExactGaussian(keras.layers.Layer):
    """What denoises N(mean, deviation**2), per class if there are several means.

    Classes are one-hot labels; without a class the mean is that of no class, the last.
    If it `ends`, it gives the end of the probability flow instead.
    """

    def __init__(
        self, schedule, parameterization, means, deviation, *, ends=False, **kwargs
    ):
        super().__init__(**kwargs)
        self.ends = ends
        self.schedule, self.parameterization = schedule, parameterization
        self.means, self.deviation = means, deviation

    def call(self, inputs):
        x, level, *labels = inputs
        shape = (-1, *[1] * (x.shape.rank - 1))
        t = self.schedule.time(tf.reshape(-8 * level, shape))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        x = x / self.parameterization.c_in(alpha, sigma)
        mean = tf.constant(self.means[-1])
        if labels:
            none = 1 - tf.reduce_sum(labels[0], axis=1, keepdims=True)
            mean = tf.concat([labels[0], none], 1) @ tf.constant(self.means)[:, None]
            mean = tf.reshape(mean, shape)
        variance = (alpha * self.deviation) ** 2 + sigma**2
        gain = alpha * self.deviation**2 / variance
        if self.ends:
            gain = self.deviation * tf.math.rsqrt(variance)
        clean = mean + gain * (x - alpha * mean)
        skip, out = self.parameterization.skip_and_out(alpha, sigma)
        return (clean - skip * x) / out


def exact_network(
    data_shape, schedule, parameterization, means=(0.3,), deviation=0.5, *, ends=False
):
    """The network; with several means class-conditional."""
    inputs = [keras.Input(data_shape), keras.Input((1,))]
    if len(means) > 1:
        inputs.append(keras.Input((len(means) - 1,)))
    layer = ExactGaussian(schedule, parameterization, means, deviation, ends=ends)
    return keras.Model(inputs, layer(inputs))
