"""An endpoint: a function of a model that an artifact offers by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.limits import PAD
from keras_gen.refusals import collected
from keras_gen.specs import Spec, Tokens

TOLERANCE, DEEP_TOLERANCE = 1e-5, 1e-4


@dataclass(frozen=True)
class Endpoint:
    """A function of a model that an artifact offers by name.

    Attributes:
        name: Name of the signature.
        function: A function of tensors, called with the inputs by name.
        kinds: The specs of the inputs by name.
        output: Name of the output tensor.
        exact: The reason why 8-bit integers cannot compute it. Empty if they can.
        is_solver: Whether it runs a solver, or a step of one, which increases rounding
            errors.
        is_deep: Whether it consists of many maps, which increases rounding errors.
        is_picture: Whether the errors of its output are judged as those of pictures.
        has_strings: Whether it has string inputs and outputs, which LiteRT lacks.
        returns: What the values of the output are, for the manifest.
        columns: What the values of each output are, by name, if the function returns a
            dict of several. Otherwise empty.
        facts: Further facts for the manifest. `draws` means that it draws levels or
            tokens one after the other, or chooses the nearest codes: rounding can
            change one, and all that follow.
        batch_size: Number of rows per call, or None for any number.
        takes_fewer_tokens: Whether rows of tokens may be shorter than the model's
            length.

    Example:
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)))
        >>> endpoint = kg.export.endpoints_of(model, ["decode"])[0]
        >>> endpoint.name, list(endpoint.inputs), endpoint.output
        ('decode', ['z'], 'x')
    """

    name: str
    function: Callable[..., Any]
    kinds: dict[str, Spec]
    output: str
    exact: str = ""
    is_solver: bool = False
    is_deep: bool = False
    is_picture: bool = False
    has_strings: bool = False
    returns: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    takes_fewer_tokens: bool = False

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """The tensor specifications of the inputs, with the batch axis first."""
        found = {k: spec.tensor(k, self.batch_size) for k, spec in self.kinds.items()}
        for name in self._tokens if self.takes_fewer_tokens else ():
            found[name] = tf.TensorSpec((self.batch_size, None), "int32", name)
        return found

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What the values of each output are, by name."""
        return self.columns or {self.output: self.returns}

    @property
    def source(self) -> "Endpoint":
        """The endpoint whose reference inputs `given` converts."""
        return self

    def given(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Inputs of `source` as inputs of this endpoint."""
        return inputs

    def calling(self, traced: dict[str, Any]) -> "Endpoint":
        """A copy that calls graphs of other endpoints where it can.

        Args:
            traced: Concrete functions by the names of their endpoints.
        """
        del traced
        return self

    def named(self, result: Any) -> dict[str, Any]:
        """What the function returns, by name."""
        return result if self.columns else {self.output: result}

    @property
    def _tokens(self) -> list[str]:
        return [k for k, spec in self.kinds.items() if isinstance(spec, Tokens)]

    @property
    def tolerance(self) -> float:
        """Largest allowed error of a float32 artifact against the Keras model."""
        return DEEP_TOLERANCE if self.is_solver or self.is_deep else TOLERANCE

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """The input specifications in order."""
        return list(self.inputs.values())

    def traceable(
        self, *, asserts: bool = True, by_bits: bool = False
    ) -> Callable[..., dict[str, tf.Tensor]]:
        """The function with positional tensors and a dict of named outputs.

        Args:
            asserts: Whether an assertion rejects values outside their limits.
                Otherwise, the outputs of such rows are NaN or -1.
            by_bits: Whether the graph will be quantized; see `Refusals`.
        """

        def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            named = dict(zip(self.inputs, tensors, strict=True))
            if asserts:
                return self.named(self.function(**named))
            with collected(by_bits=by_bits) as refusals:
                found = self.named(self.function(**named))
            return {k: refusals.blank(output) for k, output in found.items()}

        return call

    def of_batch(self, batch_size: int | None) -> "Endpoint":
        """A copy that takes `batch_size` rows per call, or any number for None."""
        return replace(self, batch_size=batch_size)

    def for_fewer_tokens(self) -> "Endpoint":
        """A copy whose token inputs may be shorter than `length`."""

        def function(**inputs: tf.Tensor) -> tf.Tensor:
            for name in self._tokens:
                inputs[name] = _filled(inputs[name], self.inputs[name])
            return self.function(**inputs)

        return replace(self, function=function, takes_fewer_tokens=True)


def _filled(tokens: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """The tokens, padded to the length of the specification."""
    n, length = tf.shape(tokens)[1], spec.shape[1]
    message = f"{spec.name} must have at most {length} tokens per row"
    fits = tf.debugging.assert_less_equal(n, length, message)
    with tf.control_dependencies([fits]):
        rest = tf.identity(length - n)
    tokens = tf.pad(tokens, [[0, 0], [0, rest]], constant_values=PAD)
    return tf.ensure_shape(tokens, (None, length))
