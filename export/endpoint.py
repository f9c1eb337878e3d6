"""An endpoint: a function of a model that an artifact offers by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from ..refusals import collected
from ..tokens import PAD

TOLERANCE, DEEP_TOLERANCE = 1e-5, 1e-4


@dataclass(frozen=True)
class Endpoint:
    """A function of a model that an artifact offers by name.

    Attributes:
        name: Name of the signature.
        function: Called with the inputs by name; tensors flow through it.
        inputs: What enters, a tensor specification with the batch axis first each.
        output: Name of the tensor that leaves.
        exact: Why integers of 8 bits cannot stand for it; empty if they can.
        is_solver: Whether it runs a solver, or a step of one, which make rounding
            errors larger.
        is_deep: Whether many maps in a row make rounding errors larger.
        is_picture: Whether its output is judged as pictures are seen.
        has_strings: Whether strings enter and leave it, which LiteRT has not.
        facts: What the manifest says of it besides; `draws` if it draws levels or
            tokens one after the other, where rounding can change one and all that
            follow.
    """

    name: str
    function: Callable[..., Any]
    inputs: dict[str, tf.TensorSpec]
    output: str
    exact: str = ""
    is_solver: bool = False
    is_deep: bool = False
    is_picture: bool = False
    has_strings: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def tolerance(self) -> float:
        """Largest error against the Keras model of a float32 artifact."""
        return DEEP_TOLERANCE if self.is_solver or self.is_deep else TOLERANCE

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """The input specifications in order."""
        return list(self.inputs.values())

    def traceable(
        self, *, asserts: bool = True, by_bits: bool = False
    ) -> Callable[..., dict[str, tf.Tensor]]:
        """The function with positional tensors and a dict of one named output.

        Args:
            asserts: Whether an assertion refuses values outside of their limits; if
                not, the rows that have them come back as NaN or -1.
            by_bits: Whether the graph is about to be quantized; see `Refusals`.
        """

        def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            named = dict(zip(self.inputs, tensors, strict=True))
            if asserts:
                return {self.output: self.function(**named)}
            with collected(by_bits=by_bits) as refusals:
                output = self.function(**named)
            return {self.output: refusals.blank(output)}

        return call

    def of_batch(self, batch_size: int | None) -> "Endpoint":
        """A copy that takes `batch_size` rows at once; None takes any number."""
        inputs = {
            name: tf.TensorSpec((batch_size, *spec.shape[1:]), spec.dtype, name)
            for name, spec in self.inputs.items()
        }
        return replace(self, inputs=inputs)

    def for_fewer_tokens(self) -> "Endpoint":
        """The same, of which rows of tokens may have any number up to their own."""
        tokens = [
            name
            for name, spec in self.inputs.items()
            if spec.dtype == tf.int32 and spec.shape.rank == 2
        ]

        def function(**inputs: tf.Tensor) -> tf.Tensor:
            for name in tokens:
                inputs[name] = _filled(inputs[name], self.inputs[name])
            return self.function(**inputs)

        any_number = [tf.TensorSpec((None, None), "int32", name) for name in tokens]
        inputs = self.inputs | dict(zip(tokens, any_number, strict=True))
        return replace(self, function=function, inputs=inputs)


def _filled(tokens: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """The tokens, filled up to the length of the specification."""
    n, length = tf.shape(tokens)[1], spec.shape[1]
    message = f"{spec.name}: a row has at most {length} tokens"
    fits = tf.debugging.assert_less_equal(n, length, message)
    with tf.control_dependencies([fits]):
        rest = tf.identity(length - n)
    tokens = tf.pad(tokens, [[0, 0], [0, rest]], constant_values=PAD)
    return tf.ensure_shape(tokens, (None, length))
