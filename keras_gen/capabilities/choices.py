"""How tokens are chosen: the arguments of `complete`, checked."""

from typing import Any

import numpy as np

from ..limits import NOT_NEGATIVE, SHARE
from ..validation import check_finite, check_limit, check_positive

MOST = 2**24  # up to here, float32 holds every integer


def choice_of(
    num_rows: int, temperature: Any, top_k: Any, top_p: Any, penalty: Any
) -> dict[str, np.ndarray]:
    """The settings of each row, `(num_rows,)`, by name: float32, `top_k` int32.

    Args:
        num_rows: Number of rows.
        temperature: A number >= 0.
        top_k: An integer > 0, or None for all.
        top_p: A number in (0, 1], or None for all.
        penalty: A number > 0, or None for none, which has no entry.

    Raises:
        ValueError: If one is out of its range.
    """
    check_finite(temperature, "temperature")
    check_limit(temperature, NOT_NEGATIVE, "temperature")
    if top_k is not None:
        check_positive(top_k, "top_k", integer=True)
    if top_p is not None:
        check_finite(top_p, "top_p")
        check_limit(top_p, SHARE, "top_p")
    if penalty is not None:
        check_positive(penalty, "repetition_penalty")
    given = {"temperature": temperature, "top_k": min(top_k or 0, MOST)}
    given |= {"top_p": 1.0 if top_p is None else top_p, "penalty": penalty}
    return {
        name: np.full(num_rows, value, "int32" if name == "top_k" else "float32")
        for name, value in given.items()
        if value is not None
    }


def stop_token_ids(stop_tokens: Any, model: Any) -> tuple[int, ...] | None:
    """The tokens that end a text.

    Args:
        stop_tokens: Tokens, one token, or characters of one token each; None for the
            model's own, if it has one.
        model: What knows the vocabulary and perhaps a tokenizer.

    Raises:
        ValueError: If a token is out of range, a character takes several, or there are
            characters and no tokenizer.
    """
    stop_tokens = model.end_token if stop_tokens is None else stop_tokens
    if stop_tokens is None:
        return None
    if isinstance(stop_tokens, str) and stop_tokens:
        rows = model.check_array(list(stop_tokens), "stop_tokens")
        if rows.shape[1] > 1:
            raise ValueError(
                "stop_tokens must hold characters of one token each, received "
                f"{stop_tokens!r}, of which one has {rows.shape[1]}: name the tokens "
                "that end a text."
            )
        stop_tokens = rows[:, 0]
    tokens = np.atleast_1d(stop_tokens)
    if not np.issubdtype(tokens.dtype, np.integer) or tokens.ndim != 1:
        raise ValueError(
            f"stop_tokens must be tokens or characters, received {stop_tokens!r}."
        )
    if tokens.size == 0 or tokens.min() < 0 or tokens.max() >= model.vocabulary_size:
        raise ValueError(
            f"stop_tokens must hold tokens in [0, {model.vocabulary_size}), received "
            f"{stop_tokens!r}."
        )
    return tuple(sorted({int(token) for token in tokens}))
