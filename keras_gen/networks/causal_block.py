"""A block of a causal transformer."""

from typing import Any

import keras
from keras import layers, ops

from ..serialization import deserialize, register, serialize
from ..validation import Shape, check_positive, check_share
from .causal_attention import CausalSelfAttention, scaled_glorot
from .dropout import Dropout


@register
class TransformerBlock(layers.Layer):
    """Attention, then a dense network at each position, with residual connections.

    Args:
        attention: The attention layer.
        dropout: Dropout rate before each addition, in [0, 1).
        expansion: Hidden units of the dense network per channel.
        activation: Activation of the dense network: a Keras name or "squared_relu".
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Radford et al., "Language models are unsupervised multitask learners", 2019,
        section 2.3 (normalization first); Zhang and Sennrich, "Root mean square layer
        normalization", 2019; So et al., "Primer", 2021, section 4 (squared ReLU).

    Example:
        >>> attention = kg.networks.CausalSelfAttention(heads=2, context=8)
        >>> block = kg.networks.TransformerBlock(attention)
        >>> network = kg.networks.TokenNetwork(5, [block], width=16)
        >>> model = kg.Autoregressive(network, length=4, seed=0)
        >>> model.sample(2, seed=7).shape
        (2, 4)
    """

    def __init__(
        self,
        attention: CausalSelfAttention,
        *,
        dropout: float = 0.0,
        expansion: int = 4,
        activation: str = "squared_relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_share(dropout, "dropout")
        check_positive(expansion, "expansion", integer=True)
        self.attention, self.dropout = attention, dropout
        self.expansion, self.activation = expansion, activation

    def build(self, input_shape: Shape) -> None:
        """Builds the layers for `(batch, positions, channels)`."""
        channels = input_shape[-1]
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        units = self.expansion * channels
        self.norms = [layers.RMSNormalization(epsilon=1e-5, **options) for _ in "ab"]
        scale = (2 * self.attention.depth) ** -0.5
        self.hidden = layers.Dense(units, use_bias=False, **options)
        self.out = layers.Dense(
            channels,
            use_bias=False,
            kernel_initializer=scaled_glorot(scale),
            **options,
        )
        self.drop = Dropout(self.dropout, **options)
        for layer in (*self.norms, self.attention, self.hidden):
            if not layer.built:  # the attention is built after loading
                layer.build(input_shape)
        self.out.build((*input_shape[:-1], units))

    def call(self, x: Any, *, training: bool = False) -> Any:
        """`(batch, positions, channels)` to the same shape."""
        read = self.attention(self.norms[0](x))
        x = x + self.drop(read, training=training)
        return x + self.drop(self._dense(x), training=training)

    def start(self, rows: Any) -> Any:
        """The attention's empty cache."""
        return self.attention.start(rows)

    def step(self, x: Any, cache: Any, position: Any) -> tuple[Any, Any]:
        """One position, `(batch, channels)`, and the cache with it."""
        read, cache = self.attention.step(self.norms[0](x), cache, position)
        x = x + read
        dense = self._dense(x[:, None])  # as in `call`: artifacts hold weights once
        return x + dense[:, 0], cache

    def _dense(self, x: Any) -> Any:
        hidden = self.hidden(self.norms[1](x))
        if self.activation == "squared_relu":
            return self.out(ops.square(ops.relu(hidden)))
        return self.out(keras.activations.get(self.activation)(hidden))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("attention", "dropout", "expansion", "activation")
        own = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TransformerBlock":
        """Rebuilds the block from `get_config`."""
        return cls(**deserialize(config))
