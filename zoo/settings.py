"""Settings by name: what users may choose of a preset, declared once and checked.

A setting is a keyword argument of the function that uses it, with a default and a line
of meaning: `beta: Annotated[float, Says("Factor of the KL term.")] = 1.0`.
"""

import difflib
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from .usage import UsageError

NONE = "none"
WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
Value = int | float | bool | str | tuple[int, ...] | None


@dataclass(frozen=True)
class Says:
    """What a setting means, and its limits.

    Attributes:
        meaning: One line.
        least: The smallest number. None means 1 for integers; other numbers are then
            above 0.
        most: The largest number.
        of: "images" if it is for images, series and clips that are convolved, "others"
            if it is for all other data.
    """

    meaning: str
    least: float | None = None
    most: float = math.inf
    of: Literal["", "images", "others"] = ""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: Its name.
        kind: `int`, `float`, `bool`, `str` or `tuple` (of integers).
        default: The value where none is chosen. None means that it depends on the size,
            or nothing.
        meaning: One line.
        limits: The smallest number, or None for all above 0, and the largest.
        choices: The allowed texts.
        optional: Whether it can be None.
        of: As in `Says`.
    """

    name: str
    kind: type
    default: Value
    meaning: str
    limits: tuple[float | None, float]
    choices: tuple[str, ...] = ()
    optional: bool = False
    of: str = ""

    @property
    def expected(self) -> str:
        """The allowed values, in words."""
        least, most = self.limits
        bounds = " > 0" if least is None else f" >= {least:g}"
        if most < math.inf:
            bounds = f"{bounds} and <= {most:g}"
        if self.choices:
            words = ", ".join(self.choices)
        elif self.kind is tuple:
            words = f"integers{bounds} such as 32,64"
        else:
            words = WORDS[self.kind] + (bounds if self.kind in (int, float) else "")
        return f"{words}, or {NONE}" if self.optional else words

    def parsed(self, text: str) -> Any:
        """The value of a text; the text itself if it cannot be read."""
        if self.optional and text.lower() == NONE:
            return None
        if self.kind is bool:
            return {"true": True, "false": False}.get(text.lower(), text)
        try:
            if self.kind is tuple:
                return tuple(int(part) for part in text.split(","))
            return self.kind(text)
        except ValueError:
            return text

    def checked(self, value: Any) -> Value:
        """The value, with lists as tuples and integers as numbers.

        Raises:
            UsageError: If it is not allowed.
        """
        if self.kind is tuple and isinstance(value, list | tuple):
            value = tuple(value)
        if self.kind is float and type(value) is int:
            value = float(value)
        if not self._allows(value):
            raise UsageError(
                f"{self.name} must be {self.expected}, received {value!r:.60}."
            )
        return value

    def _allows(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if type(value) is not self.kind:
            return False
        if self.choices:
            return value in self.choices
        if self.kind in (bool, str):
            return True
        least, most = self.limits
        least = math.ulp(0) if least is None else least
        values = value if isinstance(value, tuple) else (value,)
        if not values or (self.kind is tuple and {*map(type, values)} != {int}):
            return False
        return all(least <= one <= most and math.isfinite(one) for one in values)


def of_function(
    function: Callable[..., Any], defaults: Mapping[str, Value] | None = None
) -> dict[str, Setting]:
    """The settings that a function takes: its keyword-only arguments with `Says`.

    Args:
        function: The function.
        defaults: Defaults that replace those of the function.
    """
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind, *notes = get_args(parameter.annotation) or (parameter.annotation,)
        says = next((note for note in notes if isinstance(note, Says)), None)
        if says is None or parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        default = (defaults or {}).get(name, parameter.default)
        found[name] = _setting(name, kind, default, says)
    return found


def _setting(name: str, kind: Any, default: Value, says: Says) -> Setting:
    optional, choices = False, ()
    if get_origin(kind) in (Union, types.UnionType):
        optional = type(None) in get_args(kind)
        [kind] = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is Literal:
        kind, choices = str, get_args(kind)
    kind = get_origin(kind) or kind
    whole = kind in (int, tuple)
    limits = (1 if says.least is None and whole else says.least, says.most)
    facts = (says.meaning, limits, choices, optional, says.of)
    return Setting(name, kind, default, *facts)


def parse(
    texts: Sequence[str], known: Mapping[str, Setting], owner: str
) -> dict[str, Value]:
    """Values by name, from texts such as "beta=4".

    Args:
        texts: The texts.
        known: The settings that exist.
        owner: The preset or recipe, for errors.

    Raises:
        UsageError: If a text is not of this form, names a setting twice or an unknown
            one, or if its value is not allowed.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise UsageError(
                f"--set must be NAME=VALUE such as learning_rate=0.001, received "
                f"{text!r}."
            )
        if name in found:
            raise UsageError(f"--set names {name} twice.")
        _check_known(name, known, owner)
        found[name] = known[name].parsed(value.strip())
    return checked(found, known, owner)


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Kinds of columns by name, from texts such as "zip=category,grade=numeric".

    Raises:
        UsageError: If a text is not of this form, or names a column twice.
    """
    found: dict[str, str] = {}
    for pair in (part for text in texts for part in text.split(",")):
        name, equals, kind = (part.strip() for part in pair.rpartition("="))
        if not (name and equals and kind):
            raise UsageError(
                f"--columns must be COLUMN=KIND, such as zip=category, received "
                f"{pair!r}."
            )
        if name in found:
            raise UsageError(f"--columns names {name} twice.")
        found[name] = kind
    return found


def checked(
    values: Mapping[str, Any], known: Mapping[str, Setting], owner: str
) -> dict[str, Value]:
    """The values, checked, in the order of their names.

    Args:
        values: Values by name.
        known: The settings that exist.
        owner: The preset or recipe, for errors.

    Raises:
        UsageError: If a name is unknown, or if a value is not allowed.
    """
    for name in values:
        _check_known(name, known, owner)
    return {name: known[name].checked(values[name]) for name in sorted(values)}


def _check_known(name: str, known: Mapping[str, Setting], owner: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(
        f"{owner} has no setting {name!r}.{hint} It takes {', '.join(known)}."
    )


def shown(value: Value) -> str:
    """A value as `--set` takes it."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
