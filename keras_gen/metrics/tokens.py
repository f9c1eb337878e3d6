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
    """How well a model predicts tokens.

    Args:
        model: A model of tokens.
        x: Tokens, int32 `(n, length)`, -1 behind the last of a row.
        condition: Rows of the model's `condition` spec, one per text.
        given: How many tokens at the beginning of each row are not predicted, since
            rows are windows of a text in which others come before.

    Returns:
        `nats_per_token` and `perplexity`, its exponential; with a tokenizer
        `bits_per_character`; of whole texts (`given` is 0) `log_prob`, nats. Standard
        errors take rows as independent.
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
