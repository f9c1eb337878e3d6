"""What is made once and kept as long as it is used."""

import collections
from collections.abc import Callable, Hashable
from typing import Any


class Recent:
    """Keeps what was used last.

    Args:
        most: How many entries it keeps.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: collections.OrderedDict[Hashable, Any] = (
            collections.OrderedDict()
        )

    def find(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The entry of `key`, made if there is none."""
        if key not in self._entries:
            self._entries[key] = make()
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return self._entries[key]
