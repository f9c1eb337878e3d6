"""Spectral normalisation: linear layers with Lipschitz constant one."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive

TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
LINEAR = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, *TRANSPOSED)
EPSILON = 1e-12  # a kernel below it counts as zero


@register
class SpectralNormalization(layers.Wrapper):
    """Divides the kernel W of a linear layer by its largest singular value sigma.

    sigma = u^T W v, with singular vectors u and v from power iteration. Each call
    starts from the vector u of the last training call, so one iteration per step is
    enough. Gradients flow through sigma into W, with u and v as constants. The stored
    weights are not divided. The kernel of a convolution is reshaped to the matrix
    `(height * width * inputs, filters)`.

    Args:
        layer: `Dense`, `Conv1D` to `Conv3D` or their transposes, without activation.
        power_iterations: Iterations per call.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Raises:
        TypeError: If the layer has another type.
        ValueError: If the layer has an activation.

    References:
        Miyato et al., "Spectral normalization for generative adversarial networks",
        ICLR 2018, eq. 8 and algorithm 1.

    Example:
        >>> dense = keras.layers.Dense(3, use_bias=False)
        >>> layer = kg.networks.SpectralNormalization(dense, power_iterations=50)
        >>> y = layer(tf.eye(4))  # the normalized kernel
        >>> round(float(np.linalg.norm(y, 2)), 3)
        1.0
    """

    def __init__(
        self, layer: layers.Layer, power_iterations: int = 1, **kwargs: Any
    ) -> None:
        if not isinstance(layer, LINEAR):
            names = ", ".join(kind.__name__ for kind in LINEAR)
            raise TypeError(f"layer must be one of {names}, received {layer!r}.")
        if layer.activation is not keras.activations.linear:
            raise ValueError(
                "layer must be linear, received a layer with the activation "
                f"{getattr(layer.activation, '__name__', layer.activation)}. Put the "
                "activation after SpectralNormalization."
            )
        check_positive(power_iterations, "power_iterations", integer=True)
        # Without Keras' cast, the kernel is read in float32 under any policy.
        super().__init__(layer, autocast=False, **kwargs)
        self.power_iterations = power_iterations

    def build(self, input_shape: Shape) -> None:
        """Builds the layer, and the vector u with one value per output channel."""
        super().build(input_shape)
        self.u = self.add_weight(
            name="u",
            shape=(self._matrix().shape[1],),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            aggregation="only_first_replica",
        )

    def sigma(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The largest singular value, differentiable in W, and the new vector u."""
        matrix = ops.cast(self._matrix(), "float32")
        constant, u = ops.stop_gradient(matrix), ops.cast(self.u, "float32")
        for _ in range(self.power_iterations):  # algorithm 1, step 1
            v = _unit(constant @ u[:, None])
            u = _unit(ops.transpose(constant) @ v)[:, 0]
        return (ops.transpose(v) @ matrix @ u[:, None])[0, 0], u

    def call(self, x: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Calls the layer with the kernel W / sigma. u is updated if `training`."""
        sigma, u = self.sigma()
        alive = sigma > EPSILON  # a kernel of zeros stays zero
        if training:
            self.u.assign(ops.where(alive, u, ops.cast(self.u, "float32")))
        kernel = self.layer.kernel
        divided = ops.cast(kernel, "float32") / ops.where(alive, sigma, 1.0)
        values = [(w, divided if w is kernel else w.value) for w in self.layer.weights]
        with keras.StatelessScope(state_mapping=values):
            return self.layer(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output shape of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "power_iterations": self.power_iterations}

    def _matrix(self) -> tf.Tensor:
        """The kernel as a matrix `(inputs, output channels)`."""
        kernel = ops.convert_to_tensor(self.layer.kernel)
        if isinstance(self.layer, TRANSPOSED):  # (..., outputs, inputs)
            kernel = ops.swapaxes(kernel, -1, -2)
        return ops.reshape(kernel, (-1, kernel.shape[-1]))


def normalized(layer: layers.Layer, *, spectral_norm: bool) -> layers.Layer:
    """The layer, with `SpectralNormalization` if `spectral_norm`."""
    if not spectral_norm:
        return layer
    return SpectralNormalization(layer, name=layer.name, dtype=layer.dtype_policy)


def _unit(x: tf.Tensor) -> tf.Tensor:
    return x / ops.maximum(ops.norm(x), EPSILON)
