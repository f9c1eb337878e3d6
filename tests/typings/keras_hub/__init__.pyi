"""KerasHub, which need not be installed."""

from typing import Any

def __getattr__(name: str) -> Any: ...
