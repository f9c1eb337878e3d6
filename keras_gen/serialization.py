"""Objects that Keras can save: registered under `keras_gen`, loaded in safe mode."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast, dataclass_transform

import keras
import numpy as np

from .engine import internals

PACKAGE = "keras_gen"
T = TypeVar("T", bound=type)
M = TypeVar("M", bound=keras.Model)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(cls: T) -> T:
    """Class decorator: makes a frozen dataclass that Keras saves by its fields."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    cls.get_config = lambda self: {
        field.name: getattr(self, field.name)
        for field in dataclasses.fields(self)
        if field.init
    }
    cls.from_config = classmethod(lambda cls, config: cls(**deserialize(config)))
    return register(cls)


def register(cls: T) -> T:
    """Class decorator: lets `keras.saving.load_model` find the class by its name."""
    return register_as(cls.__name__)(cls)


def register_as(name: str) -> Callable[[T], T]:
    """Class decorator: like `register`, under a given name.

    Raises:
        ValueError: If another class has the name. Keras would forget that class.
    """

    def decorate(cls: T) -> T:
        taken = keras.saving.get_registered_object(f"{PACKAGE}>{name}")
        if taken is not None and taken.__module__ != cls.__module__:
            raise ValueError(
                f"name must be unused, received {PACKAGE}>{name}, which is a class of "
                f"{taken.__module__}."
            )
        return keras.saving.register_keras_serializable(PACKAGE, name)(cls)

    return decorate


def serialize(config: dict[str, Any]) -> dict[str, Any]:
    """Converts every entry of a configuration to plain JSON values.

    Models are converted without the optimizer that trained them.
    """
    return {k: _not_compiled(v) for k, v in config.items()}


def _not_compiled(value: Any) -> Any:
    plain = keras.saving.serialize_keras_object(value)
    if isinstance(value, keras.Model):
        plain.pop("compile_config", None)
    return plain


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Rebuilds the objects of a configuration from `serialize`.

    Args:
        config: The configuration.
        custom_objects: Further classes by name.
    """
    make = keras.saving.deserialize_keras_object
    return {
        k: make(_without_list(v), custom_objects=custom_objects)
        for k, v in config.items()
    }


def _without_list(config: Any) -> Any:
    """The configuration of a network, without a list around a single input.

    Older files have such lists, and Keras would warn at each call.
    """
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        return config
    inner = config["config"]
    names = inner.get("input_layers")
    if not (isinstance(names, list) and len(names) == 1 and isinstance(names[0], list)):
        return config
    return {**config, "config": {**inner, "input_layers": names[0]}}


def without_optimizer(model: M) -> M:
    """A copy of a model with the state of its layers, not compiled."""
    copy = type(model).from_config(model.get_config())
    copy_state(model, copy)
    return cast(M, copy)


def without_parts(model: M, owner: str, names: Sequence[str]) -> M:
    """A copy of a model in which some layers of a model in it are None; not compiled.

    Args:
        model: The model.
        owner: Name of the argument of its constructor that is the other model.
        names: Names of the arguments of that model that are None in the copy.
    """
    config, held = model.get_config(), getattr(model, owner)
    parts = {name: getattr(held, name, None) for name in names}
    left = {name: part for name, part in parts.items() if part is not None}
    config[owner]["config"] |= dict.fromkeys(left)
    copy = type(model).from_config(config)
    copy_state(model, copy, without=[*left.values()])
    return cast(M, copy)


def copy_state(
    source: keras.Model,
    target: keras.Model,
    *,
    without: Sequence[keras.layers.Layer] = (),
) -> None:
    """Copies the state of all layers to a model with the same structure.

    The state is made of weights and values derived from them, such as the mean and
    variance of an adapted `keras.layers.Normalization`, the tables of lookups, and the
    states of random numbers. It is copied layer by layer, as Keras saves and loads it.

    Args:
        source: The model with the state.
        target: A model from `clone_model` or `from_config`, perhaps of another
            precision.
        without: Layers of `source` that `target` does not have.
    """
    left = {id(v) for top in without for v in internals.layers_of(top)}
    left |= {id(v) for top in without for v in top.variables}
    layers = [v for v in internals.layers_of(source) if id(v) not in left]
    for layer, copy in zip(layers, internals.layers_of(target), strict=True):
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        copy.load_own_variables({k: np.asarray(v) for k, v in store.items()})
        if hasattr(layer, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                layer.save_assets(folder)
                copy.load_assets(folder)
    variables = [v for v in source.variables if id(v) not in left]
    for old, new in zip(variables, target.variables, strict=True):
        new.assign(old)  # those of random numbers are not saved
