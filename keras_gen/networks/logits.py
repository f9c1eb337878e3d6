"""Any Keras network from tokens to logits, as a network that generates."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from ..serialization import deserialize, register, serialize
from ..validation import check_count, check_positive, check_type
from . import reach
from .structure import apply_all
from .tokens import TokenNetwork, slid

DEFAULT_CONTEXT = 64
PROBED = 32  # positions of the causality check for a network of any length
FEW = 4  # positions of the check for logits
MANY_WEIGHTS = 2**27  # above this, random weights would take much time and memory
VALUES = 2**24  # logits per call of this check
ROUNDING = 1e-5  # relative to the largest logit
SHAKE = 0.1  # standard deviation of noise on weights: new weights can be 0


@register
class LogitsNetwork(layers.Layer):
    """A Keras model or layer from tokens to logits, as a network over tokens.

    It can be used like a `networks.TokenNetwork`, but generates slowly: it has no
    cache, so each generated token costs a call on all `context` positions. Training and
    `log_prob` cost the same.

    The network takes token ids `(batch, positions)` and returns the logits of the next
    token after each position, `(batch, positions, vocabulary_size)`. It can have a
    second input, `(batch, condition_size)`. After `context` tokens it reads the last
    tokens again, like a network with learned positions.

    The constructor tests the network. Networks that can see future tokens are rejected,
    with their own weights and with noise added to them, and so are networks that do not
    return logits. Networks with more than 2**27 weights are tested for causality only,
    with their own weights.

    Args:
        network: A Functional or Sequential model, or a layer or model that is called
            with the tokens.
        context: Largest number of tokens that the network reads. None means the fixed
            length of its input, or 64.
        start_token: The token before the first one, from which the first token is
            predicted, >= 0. It may be an additional token that is never predicted, such
            as `vocabulary_size` if the embedding has one more row.
        **kwargs: `name` and `dtype`, for Keras.

    Attributes:
        vocabulary_size: Number of tokens, the width of the output.
        condition_size: Width of the second input, 0 without one.

    Raises:
        TypeError: If `network` is not a layer.
        ValueError: If the network has other inputs or outputs, cannot read `context`
            tokens, returns probabilities, or can see future tokens.

    Example:
        >>> import keras
        >>> import keras_gen as kg
        >>> tokens = keras.Input((None,), dtype="int32")
        >>> x = keras.layers.Embedding(4, 8)(tokens)
        >>> x = keras.layers.Conv1D(8, 3, padding="causal", activation="relu")(x)
        >>> model = keras.Model(tokens, keras.layers.Dense(4)(x))
        >>> network = kg.networks.LogitsNetwork(model, context=16, start_token=3)
        >>> network.vocabulary_size
        4
    """

    has_cache = False
    loses_by_xla = True  # and XLA cannot compile every Keras layer

    def __init__(
        self,
        network: keras.Layer,
        *,
        context: int | None = None,
        start_token: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_type(network, keras.Layer, "network")
        check_count(start_token, "start_token", least=0)
        self.network, self.start_token = network, start_token
        self._length, self.condition_size = _inputs_of(network)
        if context is None:
            context = self._length or DEFAULT_CONTEXT
        check_positive(context, "context", integer=True)
        if self._length not in (None, context):
            raise ValueError(
                f"context must be the fixed length of the network's input, "
                f"{self._length}, or None, received {context}."
            )
        self.context = context
        self.vocabulary_size = self._find_vocabulary_size()
        is_small = network.count_params() <= MANY_WEIGHTS
        if is_small:
            self._check_raw()
        self._check_causal(with_noise=is_small)
        self.built = True

    def reads_at_once(self, length: int | None) -> bool:
        """Whether `call` takes this many positions."""
        return self.has_positions(length)

    def has_positions(self, length: int | None) -> bool:
        """Whether there are positions for this many tokens."""
        return length is None or length <= self.context  # unknown in some graphs

    def call(
        self, before: Any, condition: Any = None, *, training: bool = False
    ) -> tf.Tensor:
        """Logits of the token at each position.

        Args:
            before: The token before each position, int32 `(batch, positions)`. The
                first is `vocabulary_size`, which is replaced by `start_token`.
            condition: `(batch, condition_size)`, if there is one.
            training: Whether dropout is on.

        Returns:
            float32 `(batch, positions, vocabulary_size)`.
        """
        before = tf.convert_to_tensor(before)
        tokens = tf.where(before == self.vocabulary_size, self.start_token, before)
        if self._length is None:
            return self._logits(tokens, condition, training=training)
        positions = tokens.shape[1] or tf.shape(tokens)[1]
        missing = [[0, 0], [0, self._length - positions]]
        tokens = tf.pad(tokens, missing, constant_values=self.start_token)
        return self._logits(tokens, condition, training=training)[:, :positions]

    def start(self, rows: Any) -> list[Any]:
        """The state of `step` before the first position: the tokens so far."""
        return [tf.fill((rows, self.context), self.vocabulary_size)]

    def step(
        self, before: Any, state: list[Any], position: Any, condition: Any = None
    ) -> tuple[tf.Tensor, list[Any]]:
        """Logits of the token at one position, by a call on all of `context`.

        Args:
            before: The token before it, int32 `(batch,)`.
            state: The state from `start` or the last step.
            position: Number of the position, from 0, an int32 scalar.
            condition: As in `call`.

        Returns:
            The logits `(batch, vocabulary_size)`, and the state for the next step.
        """
        recent = slid(state[0], before, position)
        logits = self.call(recent, condition)
        place = tf.minimum(position, self.context - 1)
        return tf.gather(logits, place, axis=1), [recent]

    def _logits(
        self, tokens: Any, condition: Any = None, *, training: bool = False
    ) -> Any:
        """float32 logits for tokens, symbolic or not."""
        if getattr(self.network, "inputs", None):
            values = [tokens] if condition is None else [tokens, condition]
            return apply_all(self.network, values, training=training)
        return ops.cast(self.network(tokens, training=training), "float32")

    def _condition(self, rows: int) -> tf.Tensor | None:
        size = self.condition_size
        return tf.ones((rows, size)) / size if size else None

    def _find_vocabulary_size(self) -> int:
        """The width of the output, by a call on `context` times the start token."""
        tokens = tf.fill((1, self.context), self.start_token)
        try:
            logits = self._logits(tokens, self._condition(1))
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise ValueError(
                f"network failed on {self.context} tokens {self.start_token}: {error}"
                "\nPass a context that it can read, and a start_token that it knows."
            ) from error
        shape = getattr(logits, "shape", ())
        if len(shape) != 3 or shape[1] != self.context:
            raise ValueError(
                "network must return logits (batch, positions, vocabulary_size), "
                f"received {tuple(shape)} for tokens of shape {tuple(tokens.shape)}."
            )
        check_positive(shape[2], "vocabulary_size", integer=True)
        return shape[2]

    def _check_raw(self) -> None:
        """Raises ValueError if the range of outputs is too small for logits."""
        inputs = [keras.Input((self._length or FEW,), dtype="int32")]
        if self.condition_size:
            inputs.append(keras.Input((self.condition_size,)))
        whole = keras.Model(inputs, self._logits(*inputs))
        for low, high in reach.out_of_reach(whole, [reach.choices]):
            raise ValueError(
                "network must return raw values (logits), since the model applies the "
                "softmax itself, received a network with outputs that are always "
                f"{reach.described(low, high)}. Remove its last activation."
            )

    def _check_causal(self, *, with_noise: bool) -> None:
        """Raises ValueError if later tokens change earlier logits.

        All tokens from several positions on are replaced, with the network's own
        weights and with noise added to them. The first token is the start token.
        """
        n = self._length or min(self.context, PROBED)
        size = self.vocabulary_size
        if n == 1 or size == 1:
            return
        rng = np.random.default_rng(0)
        most = max(1, VALUES // (n * size) - 1)
        cuts = np.unique(np.linspace(1, n - 1, min(most, n - 1)).astype(int))
        tokens = rng.integers(0, size, n)
        tokens[0] = self.start_token
        others = (tokens + rng.integers(1, size, (len(cuts), n))) % size
        changed = np.where(np.arange(n) < cuts[:, None], tokens, others)
        rows = tf.constant(np.vstack([tokens, changed]), tf.int32)
        for is_noisy in [False, True] if with_noise else [False]:
            weights = _shaken(self.network, rng) if is_noisy else []
            with keras.StatelessScope(state_mapping=weights):
                logits = self._logits(rows, self._condition(len(rows))).numpy()
            if not np.isfinite(logits).all():
                continue
            differs = np.abs(logits[1:] - logits[0]).max(axis=2)
            differs = differs > ROUNDING * np.abs(logits).max()
            seen = differs & (np.arange(n) < cuts[:, None])
            if seen.any():
                row, position = np.argwhere(seen)[0]
                raise ValueError(
                    "network must not see future tokens: tokens from position "
                    f"{cuts[row]} on change its logits at position {position}. "
                    "Attention requires use_causal_mask=True, Conv1D requires "
                    "padding='causal', and recurrent layers must run forward only."
                )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {name: getattr(self, name) for name in ("network", "context")}
        own["start_token"] = self.start_token
        return {**super().get_config(), **serialize(own)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LogitsNetwork":
        """Rebuilds the network from `get_config`."""
        return cls(**deserialize(config))


def as_token_network(
    network: Any, context: int | None = None
) -> TokenNetwork | LogitsNetwork:
    """Returns a network over tokens as it is, and wraps any other in `LogitsNetwork`.

    Args:
        network: A network over tokens, or a Keras model or layer from tokens to logits.
        context: Number of tokens that a network with inputs of any length reads.

    Raises:
        TypeError: If it is neither.
        ValueError: As in `LogitsNetwork`.
    """
    if isinstance(network, TokenNetwork | LogitsNetwork):
        return network
    if not isinstance(network, keras.Layer):
        raise TypeError(
            "network must be a network over tokens, as networks.causal_transformer "
            "makes, or a Keras model from tokens to logits, received "
            f"{type(network).__name__}."
        )
    length, _ = _inputs_of(network)
    return LogitsNetwork(network, context=context if length is None else None)


def _shaken(
    network: keras.Layer, rng: np.random.Generator
) -> list[tuple[keras.Variable, Any]]:
    """The trainable weights, and their values with noise added."""
    return [
        (weight, weight + SHAKE * ops.cast(noise, weight.dtype))
        for weight in network.trainable_variables
        for noise in [rng.standard_normal(weight.shape, np.float32)]
    ]


def _inputs_of(network: keras.Layer) -> tuple[int | None, int]:
    """The fixed length of the tokens, or None, and the width of a condition, or 0."""
    if isinstance(network, keras.Sequential) and not network.built:
        network.build((None, None))
    inputs = getattr(network, "inputs", None)
    if not inputs:  # a layer, or a model with its own `call`
        return None, 0
    shapes = [tuple(value.shape[1:]) for value in inputs]
    known = shapes[1] if len(shapes) == 2 else (0,)
    if len(shapes) > 2 or len(shapes[0]) != 1 or len(known) != 1 or None in known:
        raise ValueError(
            "network must take tokens (batch, positions), and (batch, condition_size) "
            f"if it is conditional, received inputs of shapes {shapes}. "
            "Use networks.from_keras_hub for backbones of KerasHub."
        )
    return shapes[0][0], known[0]
