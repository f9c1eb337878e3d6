"""Networks of KerasHub as networks over tokens."""

from typing import TYPE_CHECKING, Any

import keras
from keras import layers, ops

from ..extras import package
from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .logits import LogitsNetwork

if TYPE_CHECKING:
    import keras_hub

INPUTS = {"token_ids", "padding_mask"}


@register
class BackboneLogits(layers.Layer):
    """Tokens to logits: a decoder of KerasHub and the product with its embedding.

    That is what `keras_hub.models.CausalLM` does. It needs the package `keras_hub`.

    Args:
        backbone: The decoder, which takes token ids and a padding mask.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ImportError: If KerasHub is missing.
        TypeError: If `backbone` is not a backbone of KerasHub.
        ValueError: If it has other inputs, or no embedding of tokens.
    """

    def __init__(self, backbone: "keras_hub.models.Backbone", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        models = package("keras_hub", "from_keras_hub").models
        check_type(backbone, models.Backbone, "backbone")
        names = set(backbone.input) if isinstance(backbone.input, dict) else set()
        embedding = getattr(backbone, "token_embedding", None)
        if names != INPUTS or not isinstance(embedding, layers.ReversibleEmbedding):
            raise ValueError(
                "backbone must be a decoder that takes token_ids and padding_mask and "
                "has a token_embedding, such as keras_hub.models.GPT2Backbone; "
                f"{type(backbone).__name__} takes {', '.join(sorted(names))}."
            )
        self.backbone = backbone
        self.built = True

    def call(self, tokens: Any, *, training: bool = False) -> Any:
        """Logits of the token after each one, `(batch, positions, vocabulary_size)`.

        Nothing is masked as padding: what comes later changes nothing before it.

        Args:
            tokens: int32 `(batch, positions)`.
            training: Whether dropout is on.
        """
        inputs = {"token_ids": tokens, "padding_mask": ops.ones_like(tokens)}
        hidden = self.backbone(inputs, training=training)
        return self.backbone.token_embedding(hidden, reverse=True)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **serialize({"backbone": self.backbone})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BackboneLogits":
        """Rebuilds the layer from `get_config`.

        Raises:
            ImportError: If KerasHub is missing.
        """
        package("keras_hub", "from_keras_hub")  # registers its classes
        return cls(**deserialize(config))


def from_keras_hub(
    model: keras.Model, *, context: int | None = None, start_token: int = 0
) -> LogitsNetwork:
    """A decoder of KerasHub as a network over tokens, with the weights that it has.

    It needs the package `keras_hub` (`pip install keras-gen[hub]`). `Autoregressive`
    trains it, scores texts and exports it; as every `LogitsNetwork` it generates
    slowly, at a cost per token that grows with `context`.

    Args:
        model: A backbone, such as `keras_hub.models.GPT2Backbone`, or a
            `keras_hub.models.CausalLM`, of which the backbone is used.
        context: How many tokens are read at most. None means the backbone's
            `max_sequence_length` if it has one, else 64.
        start_token: The token that stands before the first one, such as
            `tokenizer.start_token_id` of KerasHub's tokenizer.

    Raises:
        ImportError: If KerasHub is missing.
        TypeError: If `model` is neither.
        ValueError: If the backbone is not a decoder: if it can see tokens that come
            later, or has other inputs.

    Example:
        >>> import keras_hub  # doctest: +SKIP
        >>> import keras_gen as kg
        >>> backbone = keras_hub.models.GPT2Backbone(  # doctest: +SKIP
        ...     vocabulary_size=256, num_layers=2, num_heads=2, hidden_dim=32,
        ...     intermediate_dim=64, max_sequence_length=64,
        ... )
        >>> network = kg.networks.from_keras_hub(backbone)  # doctest: +SKIP
        >>> layer = keras_hub.tokenizers.ByteTokenizer(  # doctest: +SKIP
        ...     lowercase=False
        ... )
        >>> tokenizer = kg.tokenizers.KerasHubTokenizer(layer)  # doctest: +SKIP
        >>> model = kg.Autoregressive(network, tokenizer)  # doctest: +SKIP
        >>> model.log_prob(["Hello"]).shape  # doctest: +SKIP
        (1,)
    """
    if isinstance(model, package("keras_hub", "from_keras_hub").models.CausalLM):
        model = model.backbone
    logits = BackboneLogits(model, dtype=getattr(model, "dtype_policy", None))
    if context is None:
        context = getattr(model, "max_sequence_length", None)
    return LogitsNetwork(logits, context=context, start_token=start_token)
