"""The model zoo: recipes, data sets, pretrained weights and the command line.

Example:
    >>> from keras_gen import zoo
    >>> model = zoo.load("vae_digits")
    >>> model.sample(16, seed=0).shape
    (16, 8, 8, 1)
"""

from typing import TYPE_CHECKING, Any

if __name__ == "zoo":
    raise ImportError("import keras_gen.zoo, not zoo")

from .data import load as load_data
from .extractors import extractor_for
from .pairs import load_pairs, load_unpaired
from .recipe import Recipe, recipe_names
from .recipe import find as find_recipe
from .store import load

if TYPE_CHECKING:
    from .distilling import distill
    from .training import train

__all__ = [
    "Recipe",
    "distill",
    "extractor_for",
    "find_recipe",
    "load",
    "load_data",
    "load_pairs",
    "load_unpaired",
    "recipe_names",
    "train",
]


def __getattr__(name: str) -> Any:
    """`train` and `distill` import TensorFlow: `keras-gen --help` needs none."""
    if name == "distill":
        from .distilling import distill

        return distill
    if name == "train":
        from .training import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
