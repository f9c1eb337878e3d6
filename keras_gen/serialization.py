"""Objects that Keras saves: registered under `keras_gen`, rebuilt in safe mode."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import keras

PACKAGE = "keras_gen"
T = TypeVar("T", bound=type)


def value(cls: T) -> T:
    """Class decorator: a frozen dataclass that Keras saves as its fields."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    cls.get_config = lambda self: {
        field.name: getattr(self, field.name) for field in dataclasses.fields(self)
    }
    cls.from_config = classmethod(lambda cls, config: cls(**deserialize(config)))
    return register(cls)


def register(cls: T) -> T:
    """Class decorator: lets `keras.saving.load_model` find the class by its name."""
    return register_as(cls.__name__)(cls)


def register_as(name: str) -> Callable[[T], T]:
    """Class decorator: as `register`, under another name where that one is taken.

    Raises:
        ValueError: If another class has the name, which Keras would forget.
    """

    def decorate(cls: T) -> T:
        taken = keras.saving.get_registered_object(f"{PACKAGE}>{name}")
        if taken is not None and taken.__module__ != cls.__module__:
            raise ValueError(f"{PACKAGE}>{name} is a class of {taken.__module__}.")
        return keras.saving.register_keras_serializable(PACKAGE, name)(cls)

    return decorate


def serialize(config: dict[str, Any]) -> dict[str, Any]:
    """Every entry of a configuration as plain JSON values."""
    return {k: keras.saving.serialize_keras_object(v) for k, v in config.items()}


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The objects of a configuration that `serialize` wrote.

    Args:
        config: The configuration.
        custom_objects: Classes by name, besides those of the scopes around the call.
    """
    make = keras.saving.deserialize_keras_object
    return {
        k: make(_without_list(v), custom_objects=custom_objects)
        for k, v in config.items()
    }


def _without_list(config: Any) -> Any:
    """The configuration of a network; of a single input it no longer expects a list.

    Builders used to make lists, and files hold them: Keras would warn at each call.
    """
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        return config
    inner = config["config"]
    names = inner.get("input_layers")
    if not (isinstance(names, list) and len(names) == 1 and isinstance(names[0], list)):
        return config
    return {**config, "config": {**inner, "input_layers": names[0]}}
