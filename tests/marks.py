"""Which cases a test runs by default."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest


def but_slow(
    cases: Iterable[Any] | Mapping[str, Any], slow: Collection[Any]
) -> list[Any]:
    """Cases as parameters; those whose code the others share too are slow tests.

    Args:
        cases: Values, or tuples of several; or these by name.
        slow: Some of the cases, or of the names.
    """
    names = list(cases)
    assert set(slow) <= set(names), set(slow) - set(names)
    named = isinstance(cases, Mapping)
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            id=name if named else None,
            marks=[pytest.mark.slow] * (name in slow),
        )
        for name, value in (cases.items() if named else zip(names, names, strict=True))
    ]
