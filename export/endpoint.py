"""An endpoint: a function of a model that an artifact offers by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

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
        function: Called with the inputs by name; tensors flow through it.
        kinds: What enters, a spec for each name.
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
    kinds: dict[str, Spec]
    output: str
    exact: str = ""
    is_solver: bool = False
    is_deep: bool = False
    is_picture: bool = False
    has_strings: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    takes_fewer_tokens: bool = False

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """What enters, a tensor specification with the batch axis first each."""
        found = {k: spec.tensor(k, self.batch_size) for k, spec in self.kinds.items()}
        for name in self._tokens if self.takes_fewer_tokens else ():
            found[name] = tf.TensorSpec((self.batch_size, None), "int32", name)
        return found

    @property
    def _tokens(self) -> list[str]:
        return [k for k, spec in self.kinds.items() if isinstance(spec, Tokens)]

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
        return replace(self, batch_size=batch_size)

    def for_fewer_tokens(self) -> "Endpoint":
        """The same, of which rows of tokens may have any number up to their own."""

        def function(**inputs: tf.Tensor) -> tf.Tensor:
            for name in self._tokens:
                inputs[name] = _filled(inputs[name], self.inputs[name])
            return self.function(**inputs)

        return replace(self, function=function, takes_fewer_tokens=True)


def _filled(tokens: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """The tokens, filled up to the length of the specification."""
    n, length = tf.shape(tokens)[1], spec.shape[1]
    message = f"{spec.name}: a row has at most {length} tokens"
    fits = tf.debugging.assert_less_equal(n, length, message)
    with tf.control_dependencies([fits]):
        rest = tf.identity(length - n)
    tokens = tf.pad(tokens, [[0, 0], [0, rest]], constant_values=PAD)
    return tf.ensure_shape(tokens, (None, length))
