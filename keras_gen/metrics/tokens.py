"""Figures of models of tokens."""

from typing import Any

import numpy as np

from ..models import Autoregressive
from ..tokens import PAD
from .estimate import Estimate
from .likelihood import bits_per_character, nats, nats_per_token, perplexity


def token_figures(
    model: Autoregressive, x: np.ndarray, condition: Any = None, given: int = 0
) -> dict[str, Estimate]:
    """Figures of a model's predictions of tokens.

    Args:
        model: A model of tokens.
        x: Tokens, int32 `(n, length)`, -1 after the last token of a row.
        condition: Rows of the model's `condition` spec, one per text.
        given: Number of tokens at the beginning of each row that are not predicted,
            for rows that are windows of a longer text.

    Returns:
        `nats_per_token` and `perplexity`, its exponential; `bits_per_character` with a
        tokenizer; and `log_prob` in nats for whole texts (`given` is 0). Standard
        errors assume that rows are independent.
    """
    log_prob = model.token_log_probs(x, condition=condition)[:, given:].sum(axis=1)
    predicted = x[:, given:]
    counts = (predicted != PAD).sum(axis=1)
    figures = {
        "nats_per_token": nats_per_token(log_prob, counts),
        "perplexity": perplexity(log_prob, counts),
    }
    if model.tokenizer is not None:
        lengths = np.array([len(t) for t in model.tokenizer.decode_batch(predicted)])
        figures["bits_per_character"] = bits_per_character(log_prob, lengths)
    return figures if given else {**figures, "log_prob": nats(log_prob)}
