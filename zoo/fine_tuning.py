"""Fine-tuning: a new model begins with those weights of a trained one that fit."""

import difflib
import hashlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import store
from .fitting import arguments_of
from .usage import UsageError

if TYPE_CHECKING:
    import keras

    from keras_gen.model import GenerativeModel
    from keras_gen.tokenizers import Tokenizer

    from .data import Data

NAMED = 4  # layers in a line
SHA256 = {store.FROM: store.FROM_SHA256, store.TEACHER: store.TEACHER_SHA256}
Donor = Callable[[], "GenerativeModel"]


class Taken(NamedTuple):
    """What a model has taken over.

    Attributes:
        weights: Number of weights that were taken.
        total: Number of weights of the model that are trained, with their statistics.
        left: Names of the layers that keep their own initial weights.
    """

    weights: int
    total: int
    left: list[str]


class _Part(NamedTuple):
    """A layer with variables of its own, by their names."""

    name: str
    layer: "keras.layers.Layer"
    values: dict[str, Any]

    @property
    def size(self) -> int:
        return sum(math.prod(value.shape) for value in self.values.values())

    @property
    def signature(self) -> tuple[Any, ...]:
        """What has to agree: the kind of the layer, names and shapes."""
        shapes = ((name, tuple(value.shape)) for name, value in self.values.items())
        return type(self.layer).__name__, *shapes


def record(
    source: str | Path, settings: dict[str, Any], role: str = store.FROM
) -> None:
    """Records in the settings of a run which weights it begins with.

    Args:
        source: The run or recipe that has them.
        settings: The settings.
        role: What the trained model is to the run, `store.FROM` or `store.TEACHER`.

    Raises:
        UsageError: If the source has no trained model.
    """
    path = store.model_file(source)
    is_run = Path(source).is_dir()
    settings[role] = os.path.abspath(source) if is_run else str(source)
    settings[SHA256[role]] = _sha256(path)


def donor_of(settings: dict[str, Any], role: str = store.FROM) -> "GenerativeModel":
    """The trained model that the settings record, in a role as in `record`.

    Raises:
        UsageError: If it has moved or changed since the run began.
    """
    from keras_gen.engine.internals import names_kept

    place, then = settings[role], settings[SHA256[role]]
    path = store.model_file(place)
    now = _sha256(path)
    if now != then:
        raise UsageError(
            f"{path} does not hold the weights with which the run began (sha256 "
            f"{then[:12]}, received {now[:12]}). Restore them, or begin another run."
        )
    with names_kept():
        return store.read_model(path)


def begin_with(
    donor: "GenerativeModel",
    model: "GenerativeModel",
    data: "Data",
    settings: dict[str, Any],
    *,
    alone: bool,
) -> None:
    """Takes over the weights of a trained model that fit, and says which do not."""
    examples = arguments_of(model, data, settings["batch_size"])
    model._get_ready(examples["x"], examples.get("y"))  # lest `fit` changes it
    taken = take_over(model, donor)
    if alone and not taken.weights:
        raise UsageError(
            f"no weights of {settings[store.FROM]} fit the new model. Choose the same "
            "preset, size and settings, or leave out --from."
        )
    print(words(taken, settings), flush=True)


def take_over(model: "GenerativeModel", donor: "GenerativeModel") -> Taken:
    """Copies the weights of a trained model that fit into a new one.

    Layers are compared in order, network by network. A layer fits if its kind and the
    names and shapes of its variables agree. Layers in between that only one of the
    models has are passed over. Only layers that the new model trains are taken, so
    scales of the data, counts and random states stay its own. Moving averages begin as
    copies of the weights.

    Args:
        model: The new model. It is changed.
        donor: The trained model, or a model that is part of it: the first one in it
            that has the class of `model` is taken.
    """
    from keras_gen.serialization import copy_state

    donor = _of_same_class(model, donor)
    known = _parts_by_role(donor, trained=None)
    trained = {id(weight) for weight in model.trainable_weights}
    taken, total, left = 0, 0, []
    for role, parts in _parts_by_role(model, trained).items():
        found = known.get(role, [])
        fitting = _aligned(parts, found)
        for i, part in enumerate(parts):
            total += part.size
            if i not in fitting:
                left.append(part.name)
                continue
            part.layer.load_own_variables(found[fitting[i]].values)
            taken += part.size
    for player in model._players:
        if player.average is not None:
            copy_state(player.network, player.average)
    return Taken(taken, total, left)


def words(taken: Taken, settings: dict[str, Any]) -> str:
    """What was taken over, in one line."""
    line = f"from {settings[store.FROM]}: {taken.weights:,} of {taken.total:,} weights"
    if not taken.left:
        return line
    more = len(taken.left) - NAMED
    names = ", ".join(taken.left[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{line}; new: {names}"


def known_tokenizer(donor: "GenerativeModel", data: "Data") -> "Tokenizer | None":
    """The tokenizer of a trained model if it knows all of a text, otherwise None."""
    from keras_gen.texts import tokens_of

    tokenizer = getattr(donor, "tokenizer", None)
    if tokenizer is None:
        return None
    try:
        for split in (data.train, data.test):
            tokens_of(split.source, tokenizer)
    except ValueError:
        return None
    return tokenizer


def _of_same_class(
    model: "GenerativeModel", donor: "GenerativeModel"
) -> "GenerativeModel":
    from keras_gen.engine.internals import layers_of

    found: Any = [layer for layer in layers_of(donor) if type(layer) is type(model)]
    return found[0] if found else donor


def _parts_by_role(
    model: "GenerativeModel", trained: set[int] | None
) -> dict[str, list[_Part]]:
    """The layers with variables, in order, by the argument that holds their network.

    Args:
        model: The model.
        trained: Ids of the weights of which a layer must hold one. None means all.
    """
    from keras_gen.engine.internals import layers_of

    found: dict[str, list[_Part]] = {}
    for role, network in _networks(model):
        for layer in layers_of(network):
            weights = {id(weight) for weight in layer.weights}
            if trained is not None and not weights & trained:
                continue
            values: dict[str, Any] = {}
            layer.save_own_variables(values)
            if values:
                shape = "x".join(map(str, next(iter(values.values())).shape))
                part = _Part(f"{role} {layer.name} ({shape})", layer, values)
                found.setdefault(role, []).append(part)
    return found


def _networks(model: "GenerativeModel") -> Iterator[tuple[str, Any]]:
    """The networks of a model and of models in it, by the name of the argument."""
    import keras

    from keras_gen.model import GenerativeModel

    for name in model.arguments:
        value = getattr(model, name)
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, GenerativeModel):
                yield from ((f"{name} {role}", one) for role, one in _networks(part))
            elif isinstance(part, keras.layers.Layer):
                yield name, part


def _aligned(parts: list[_Part], others: list[_Part]) -> dict[int, int]:
    """Which part of the one list fits which of the other, both in order."""
    pair = [part.signature for part in parts], [part.signature for part in others]
    blocks = difflib.SequenceMatcher(None, *pair, autojunk=False).get_matching_blocks()
    return {b.a + i: b.b + i for b in blocks for i in range(b.size)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
