"""The columns of the table of diamonds, and the steps of its recipes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_gen.specs import Columns

STEPS = 98  # of an epoch of 48,546 rows, 500 at a time


def columns() -> "Columns":
    """The spec of the table."""
    from keras_gen.specs import Category, Columns, Integer, Numeric

    clarity = ["I1", "IF", "SI1", "SI2", "VS1", "VS2", "VVS1", "VVS2"]
    return Columns(
        [
            Numeric("carat", decimals=2),
            Category("cut", ["Fair", "Good", "Ideal", "Premium", "Very Good"]),
            Category("color", [*"DEFGHIJ"]),
            Category("clarity", clarity),
            Numeric("depth", decimals=1),
            Numeric("table", decimals=1),
            Integer("price", low=326, high=18823),
            *(Numeric(name, decimals=2) for name in "xyz"),
        ]
    )
