"""Dropout that goes on where it stopped."""

from typing import Any

from keras import layers

from ..serialization import register


@register
class Dropout(layers.Dropout):
    """Keras' dropout, saved with the state of its random numbers.

    Keras saves the weights alone, so that training that is resumed would see other
    masks.
    """

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves the state."""
        if self.rate > 0:
            store["state"] = self.seed_generator.state

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads the state."""
        if self.rate > 0:
            self.seed_generator.state.assign(store["state"])
