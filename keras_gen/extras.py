"""Optional packages, and the extra that installs each of them."""

import importlib
from types import ModuleType

EXTRAS = {
    "ai_edge_litert": ("ai-edge-litert", "export"),
    "litert_quantizer": ("litert-quantizer", "export"),
    "sklearn": ("scikit-learn", "metrics"),
    "typer": ("typer", "cli"),
    "tokenizers": ("tokenizers", "text"),
    "keras_hub": ("keras-hub", "hub"),
    "pandas": ("pandas", "tables"),
    "pyarrow": ("pyarrow", "parquet"),
}


def package(module: str, user: str) -> ModuleType:
    """Imports a package of an extra.

    Args:
        module: Name of the module, one of `EXTRAS`.
        user: Name of the object that requires it, such as "BytePairTokenizer".

    Raises:
        ImportError: If the package is missing or broken. The message names the extra.

    Example:
        >>> package("sklearn", "linear_probe").__name__
        'sklearn'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name, extra = EXTRAS[module]
        raise ImportError(
            f"{user} requires the package {name}: pip install 'keras-gen[{extra}]' "
            f"({type(error).__name__}: {error})."
        ) from error
