"""Every public class has an `Example:`, and the examples of all docstrings run."""

import doctest
import importlib
import importlib.util
import inspect
import pathlib
import pkgutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NAMES = {"kg": kg, "keras": keras, "np": np, "tf": tf}


def modules_with_examples() -> list[str]:
    """The modules of `keras_gen`, `keras_gen.zoo`, `keras_gen.export` with a `>>>`."""
    names = {kg.__name__}
    for package in ("", ".zoo", ".export"):
        home = importlib.import_module(kg.__name__ + package)
        found = pkgutil.walk_packages(home.__path__[:1], home.__name__ + ".")
        names |= {home.__name__, *(module.name for module in found)}
    sources = {n: pathlib.Path(importlib.util.find_spec(n).origin) for n in names}
    return sorted(n for n in names if ">>> " in sources[n].read_text("utf-8"))


def public_names(module: types.ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]


def public_classes() -> dict[str, type]:
    """The classes that users name, by the first name under which they find them."""
    classes: dict[type, str] = {}
    for home in (kg, *(getattr(kg, name) for name in kg._MODULES)):
        for name in public_names(home):
            value = getattr(home, name)
            if inspect.isclass(value) and value.__module__.startswith("keras_gen"):
                classes.setdefault(value, f"{home.__name__}.{name}")
    return {name: cls for cls, name in classes.items()}


def test_every_public_class_has_an_example() -> None:
    without = [
        name
        for name, cls in public_classes().items()
        if "Example:" not in (cls.__doc__ or "") or ">>>" not in cls.__doc__
    ]
    assert without == []


def examples(module: types.ModuleType) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(recurse=True).find(module, extraglobs=NAMES)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    written: list[str] = []
    with np.printoptions(precision=4, suppress=True):
        for test in examples(module):
            runner.run(test, out=written.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(written)
