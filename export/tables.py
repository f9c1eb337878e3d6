"""Endpoints whose inputs and outputs are the columns of a table, with strings."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.specs import AnyCategory, Columns, Spec, Target, Texts

from .endpoint import Endpoint

SUFFIX = "_table"
SHOWN = 20  # strings that an error lists


@dataclass(frozen=True)
class ColumnValues(Texts):
    """Values of one column, one per row: strings of a category, or numbers.

    Attributes:
        called: Name of the column, for errors.
        texts: The string of each code, or empty for a column of numbers.
        said: Facts for the manifest.
    """

    called: str
    texts: tuple[str, ...] = ()
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """The dtype of the tensor."""
        return "string" if self.texts else "float32"

    def facts(self) -> dict[str, Any]:
        """What the values are, with the strings of a category in order."""
        return {**self.said, **({"values": list(self.texts)} if self.texts else {})}

    def as_codes(self, values: tf.Tensor) -> tf.Tensor:
        """The code of each string, `(batch,)`. Numbers are returned as they are.

        Raises:
            tf.errors.InvalidArgumentError: If a string is unknown.
        """
        if not self.texts:
            return values
        is_it = tf.equal(values[:, None], tf.constant(self.texts)[None])
        is_unknown = tf.logical_not(tf.reduce_any(is_it, axis=1))
        rows = tf.where(is_unknown)[:1, 0]
        listed = ", ".join(self.texts[:SHOWN])
        if (more := len(self.texts) - SHOWN) > 0:
            listed += f" and {more} more"
        message = f"column {self.called} must be one of {listed}, received"
        said = [tf.constant(message), tf.gather(values, rows), "in row", rows]
        known = tf.logical_not(tf.reduce_any(is_unknown))
        said = [tf.convert_to_tensor(part) for part in said]
        refused = tf.raw_ops.Assert(condition=known, data=said, summarize=8)
        with tf.control_dependencies([refused] if refused is not None else []):
            return tf.argmax(tf.cast(is_it, tf.int32), axis=1, output_type=tf.int32)

    def of_codes(self, codes: tf.Tensor) -> tf.Tensor:
        """The string of each code, `(batch,)`. Numbers are returned as they are."""
        if not self.texts:
            return codes
        return tf.gather(self.texts, tf.cast(tf.round(codes), tf.int32))


@dataclass(frozen=True)
class TableEndpoint(Endpoint):
    """An endpoint of the columns of a table, whose categories are strings.

    Attributes:
        base: The endpoint of numbers and codes.
        split: The columns of each input of `base` that is split, by tensor name.
        joined: The columns of its output, or empty if the output is not a table.
    """

    base: Endpoint | None = None
    split: dict[str, dict[str, ColumnValues]] = field(default_factory=dict)
    joined: dict[str, ColumnValues] = field(default_factory=dict)

    @property
    def source(self) -> Endpoint:
        """The endpoint of numbers and codes."""
        return self.base or self

    def given(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Inputs of `source` as columns."""
        found = {}
        for name, array in inputs.items():
            columns = self.split.get(name, {})
            if not columns:
                found[name] = array
            for at, (own, column) in enumerate(columns.items()):
                codes = array if array.ndim == 1 else array[:, at]
                values = column.of_codes(tf.constant(codes)).numpy()
                found[own] = values.astype("S") if column.texts else values
        return found

    def calling(self, traced: dict[str, Any]) -> "TableEndpoint":
        """A copy that calls the graph of `source`, so that it is written once."""
        if self.source.name not in traced:
            return self
        graph, names = traced[self.source.name], list(self.source.inputs)

        def call(**rows: tf.Tensor) -> tf.Tensor:
            (found,) = graph(*(rows[name] for name in names)).values()
            return found

        return replace(self, function=self._by_column(call))

    def _by_column(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """A function of numbers and codes as one of columns."""

        def function(**inputs: tf.Tensor) -> Any:
            rows = {}
            for name, spec in self.source.kinds.items():
                columns = self.split.get(name, {})
                codes = [c.as_codes(inputs[own]) for own, c in columns.items()]
                if spec.shape and codes:
                    codes = [tf.cast(column, spec.dtype) for column in codes]
                    codes = [tf.stack(codes, axis=-1)]
                rows[name] = codes[0] if codes else inputs[name]
            if tf.executing_eagerly():  # arrays, as users pass them
                rows = {k: np.asarray(v) for k, v in rows.items()}
            found = call(**rows)
            if not self.joined:
                return found
            parts = tf.unstack(tf.cast(found, tf.float32), axis=-1)
            pairs = zip(self.joined.items(), parts, strict=True)
            return {name: column.of_codes(part) for (name, column), part in pairs}

        return function


def table_endpoints(
    endpoints: Sequence[Endpoint], table: Any, condition: Spec | None
) -> list[Endpoint]:
    """The endpoints that take or give a table once more, column by column.

    Each column is a tensor `(batch,)` of its own, and categories are strings. They
    exist if there is a category and the strings of each are different.

    Args:
        endpoints: All endpoints of a model.
        table: The spec of its examples, if it has one.
        condition: Its condition, or None.
    """
    known = {"x": table} | ({condition.name: condition} if condition else {})
    split = {name: _columns_of(spec) for name, spec in known.items()}
    columns = [column for found in split.values() for column in found]
    texts = [column.texts for column in columns if column.texts]
    if not texts or any(len(set(one)) < len(one) for one in texts):
        return []
    others = {k for e in endpoints for k in e.kinds if not split.get(k)}
    names = iter(_tensor_names([column.called for column in columns], others))
    named = {k: {next(names): column for column in v} for k, v in split.items()}
    twins = (_twin(endpoint, named) for endpoint in endpoints)
    return [twin for twin in twins if twin is not None]


def _twin(
    base: Endpoint, named: dict[str, dict[str, ColumnValues]]
) -> TableEndpoint | None:
    """An endpoint column by column, or None if it has no columns."""
    split = {name: named[name] for name in base.kinds if named.get(name)}
    joined = named["x"] if base.returns.get("kind") == "columns" else {}
    if not split and not joined:
        return None
    kinds: dict[str, Spec] = {}
    for name, spec in base.kinds.items():
        kinds |= split.get(name) or {name: spec}
    facts = {k: getattr(base, k) for k in Endpoint.__dataclass_fields__}
    facts |= {"name": base.name + SUFFIX, "kinds": kinds, "has_strings": True}
    facts["columns"] = {k: column.facts() for k, column in joined.items()}
    twin = TableEndpoint(**facts, base=base, split=split, joined=joined)
    return replace(twin, function=twin._by_column(base.function))


def _columns_of(spec: Any) -> list[ColumnValues]:
    """The columns of a table, or the one that labels are; empty for other specs."""
    if isinstance(spec, Columns):
        return [ColumnValues(c.name, _texts(c.values), c.facts()) for c in spec.columns]
    if isinstance(spec, Target):
        said = {"name": spec.column, "kind": "category"}
        return [ColumnValues(spec.column, _texts(spec.values), said)]
    if isinstance(spec, AnyCategory):
        return [ColumnValues(spec.name, spec.names, spec.facts())]
    return []


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    """The values of a category as strings. None, a missing value, is empty."""
    return tuple("" if value is None else str(value) for value in values)


def _tensor_names(names: Sequence[str], taken: set[str]) -> list[str]:
    """Names of tensors that differ, from names of columns."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if re.match("[A-Za-z]", plain) else f"column_{plain}"
        own, count = plain, 1
        while own.lower() in {one.lower() for one in (*found, *taken)}:
            count += 1
            own = f"{plain}_{count}"
        found.append(own)
    return found
