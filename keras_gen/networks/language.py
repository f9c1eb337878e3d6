"""The usual networks of language models."""

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
    """A transformer that generates, with normalization before each part.

    Args:
        vocabulary_size: Number of tokens.
        width: Channels of a token, a multiple of `heads`.
        depth: Number of blocks.
        heads: Heads of queries.
        kv_heads: Heads of keys and values, a divisor of `heads`; None: as many.
        context: How many positions each one reads, itself among them; the window
            slides along a longer text.
        positions: "rotary" (any length) or "learned" (`context` vectors).
        dropout: Share of values set to 0 behind the embedding and each part.
        condition_size: Numbers that every position is told.

    Raises:
        ValueError: If a size is no integer > 0, or does not divide another.
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
        dropout: Share of values set to 0 behind the embedding and each layer.
        condition_size: Numbers that every position is told.

    Raises:
        ValueError: If a size is no integer > 0, or the cell is unknown.
    """
    check_sizes(units, "units")
    blocks = [Recurrent(count, cell=cell, dropout=dropout) for count in units]
    sizes: dict[str, Any] = {"width": width, "condition_size": condition_size}
    return TokenNetwork(vocabulary_size, blocks, **sizes, dropout=dropout)
