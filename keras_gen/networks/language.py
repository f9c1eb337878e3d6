"""Networks for language models."""

from collections.abc import Sequence
from typing import Any

from ..validation import check_count, check_sizes
from .causal_attention import CausalSelfAttention
from .causal_block import TransformerBlock
from .recurrence import Recurrent
from .tokens import TokenNetwork

POSITIONS = ("rotary", "learned")


def causal_transformer(
    vocabulary_size: int,
    *,
    width: int = 128,
    depth: int = 4,
    heads: int = 4,
    kv_heads: int | None = None,
    context: int = 64,
    positions: str = "rotary",
    dropout: float = 0.0,
    condition_size: int = 0,
) -> TokenNetwork:
    """A causal transformer, with normalization before each layer.

    Args:
        vocabulary_size: Number of tokens.
        width: Channels of a token, a multiple of `heads`.
        depth: Number of blocks.
        heads: Heads of queries.
        kv_heads: Heads of keys and values, a divisor of `heads`. None means `heads`.
        context: Number of positions that each position attends to, itself included.
            The window slides along a longer text.
        positions: "rotary" (any length) or "learned" (`context` vectors).
        dropout: Dropout rate after the embedding and each layer.
        condition_size: Size of the condition, which is added at every position.

    Raises:
        ValueError: If a size is not an integer > 0, or does not divide another.

    Example:
        >>> how = {"width": 16, "depth": 1, "heads": 2, "context": 8}
        >>> network = kg.networks.causal_transformer(5, **how)
        >>> model = kg.Autoregressive(network, seed=0)
        >>> model.log_prob([[0, 1, 2], [3, 4]]).shape
        (2,)
    """
    check_count(depth, "depth")
    if positions not in POSITIONS:
        raise ValueError(
            f"positions must be one of {', '.join(POSITIONS)}, received {positions!r}."
        )
    blocks = [
        TransformerBlock(
            CausalSelfAttention(
                heads,
                kv_heads=kv_heads,
                context=context,
                rotary=positions == "rotary",
                depth=depth,
            ),
            dropout=dropout,
        )
        for _ in range(depth)
    ]
    return TokenNetwork(
        vocabulary_size,
        blocks,
        width=width,
        context=context,
        learned_positions=positions == "learned",
        condition_size=condition_size,
        dropout=dropout,
    )


def recurrent(
    vocabulary_size: int,
    *,
    width: int = 128,
    units: Sequence[int] = (256,),
    cell: str = "lstm",
    dropout: float = 0.0,
    condition_size: int = 0,
) -> TokenNetwork:
    """LSTM or GRU layers over embedded tokens.

    Args:
        vocabulary_size: Number of tokens.
        width: Channels of a token.
        units: Units of each layer.
        cell: "lstm" or "gru".
        dropout: Dropout rate after the embedding and each layer.
        condition_size: Size of the condition, which is added at every position.

    Raises:
        ValueError: If a size is not an integer > 0, or if the cell is unknown.

    Example:
        >>> network = kg.networks.recurrent(5, width=4, units=(8,), cell="gru")
        >>> model = kg.Autoregressive(network, length=6, seed=0)
        >>> model.sample(2, seed=7).shape
        (2, 6)
    """
    check_sizes(units, "units")
    blocks = [Recurrent(count, cell=cell, dropout=dropout) for count in units]
    sizes: dict[str, Any] = {"width": width, "condition_size": condition_size}
    return TokenNetwork(vocabulary_size, blocks, **sizes, dropout=dropout)
