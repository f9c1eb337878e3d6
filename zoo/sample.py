"""Writing samples to a file."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from keras_gen.files import whole_file, write_array

from . import store
from .recipe import UsageError
from .sounds import write_wav

if TYPE_CHECKING:
    import numpy as np

    from keras_gen.model import GenerativeModel

OF_STEPS = ("num_steps", "solver", "guidance_scale")
OF_STYLES = ("truncation",)
OF_TEXTS = ("prompt", "max_new_tokens", "temperature", "top_k", "top_p")
SUFFIXES = (".png", ".gif", ".npy", ".csv", ".wav", ".txt")
MOST = 2**31
SHOWN = 30  # names of classes in an error


def check_target(out: Path, num: int) -> None:
    """Raises UsageError if `num` samples cannot be written to `out`."""
    if not 1 <= num < MOST:
        raise UsageError(f"--num must be in [1, 2**31), received {num}.")
    if out.suffix not in SUFFIXES:
        suffixes = ", ".join(SUFFIXES)
        raise UsageError(f"--out must end in {suffixes}, received {str(out)!r}.")
    if not out.parent.is_dir():
        raise UsageError(f"--out: the folder {out.parent} does not exist.")
    check_free(out)


def check_out(out: Path, *suffixes: str, option: str = "--out") -> None:
    """Raises UsageError unless a file with one of the suffixes can be written."""
    if out.suffix not in suffixes:
        raise UsageError(
            f"{option} must end in {' or '.join(suffixes)}, received {str(out)!r}."
        )
    if not out.parent.is_dir():
        raise UsageError(f"{option}: the folder {out.parent} does not exist.")
    check_free(out, option)


def check_free(out: Path, option: str = "--out") -> None:
    """Raises UsageError if the file exists."""
    if out.exists():
        raise UsageError(f"{option}: {out} exists. Files are not overwritten.")


def parse_labels(text: str | None, names: Sequence[str] = ()) -> list[int] | None:
    """Labels from a list such as "0,1,2" or "cat,dog".

    Args:
        text: The list, or None.
        names: Name of each class, if known.

    Raises:
        UsageError: If an entry is neither an integer nor a name.
    """
    if text is None:
        return None
    try:
        return [
            names.index(entry) if entry in names else int(entry)
            for entry in text.split(",")
        ]
    except ValueError as error:
        known = f" or names ({_some(names)})" if names else ""
        hint = ""
        if not names:
            hint = " The model has no names of classes: presets learn those of folders "
            hint += "and of a column that --condition names."
        raise UsageError(
            f"--labels must be integers such as 0,1,2{known}, received {text!r}.{hint}"
        ) from error


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def write_samples(
    model: "GenerativeModel",
    out: Path,
    *,
    num: int,
    seed: int,
    labels: list[int] | None,
    how: dict[str, Any] | None = None,
    trained: list[int] | None = None,
    rate: int | None = None,
    class_names: Sequence[str] = (),
    texts: Sequence[str] = (),
) -> None:
    """Draws samples and writes a picture, texts (`.txt`) or the array (`.npy`).

    A `.png` shows clips as strips of frames. A `.gif` plays them. A `.wav` holds sounds
    one after the other.

    Args:
        model: A model that generates.
        out: The file.
        num: Number of samples.
        seed: Seed of the samples.
        labels: Classes, repeated in turn. Default: all trained classes in turn.
        how: Arguments of `sample` for a diffusion model or a GAN with styles, or of
            `complete` for a model of text. None means that an argument was not passed.
        trained: Classes that had training examples. None means all classes.
        rate: Values per second of sounds, or None for other data.
        class_names: Name of each class, written above the columns of a picture.
        texts: Texts, repeated in turn, for a model that is conditioned on texts.

    Raises:
        UsageError: If the model cannot generate, if an argument does not fit the
            model, or if the file's suffix does not fit the samples.

    Warns:
        UserWarning: If a label is a class that had no training examples, or if a text
            has words that the model does not know.
    """
    from keras_gen.capabilities import Completes
    from keras_gen.specs import num_classes

    how = {name: value for name, value in (how or {}).items() if value is not None}
    kinds = OF_TEXTS if isinstance(model, Completes) else OF_STEPS
    kinds = OF_STYLES if getattr(model, "truncates", False) else kinds
    for name in how:
        if name not in kinds:
            raise UsageError(f"{model.name} has no --{name.replace('_', '-')}.")
    number = num_classes(model.condition)
    told = _told(model, num, texts)
    if labels is not None and number is None:
        raise UsageError(f"{model.name} has no classes: leave out --labels.")
    if number is not None and trained is not None:
        labels = _trained_labels(labels, trained, number)
    if isinstance(model, Completes):
        _write_texts(model, out, num, seed, labels, how)
    else:
        how |= {} if told is None else {"condition": told}
        _write_examples(model, out, num, seed, labels, how, rate, class_names)


def _told(model: "GenerativeModel", num: int, texts: Sequence[str]) -> list[str] | None:
    """The texts of samples in turn, or None for a model without such a condition.

    Raises:
        UsageError: If the model takes no texts, requires some, or has another condition
            that cannot be chosen.
    """
    from keras_gen.capabilities import translates_condition
    from keras_gen.specs import Tokens

    if translates_condition(model):
        raise UsageError(f"{model.name} translates images: use keras-gen translate.")
    is_told = isinstance(model.condition, Tokens)
    if is_told != bool(texts):
        cure = "pass --text, for example --text 'red heart'" if is_told else ""
        raise UsageError(
            f"{model.name} {'is' if is_told else 'is not'} conditioned on texts: "
            f"{cure or 'leave out --text'}."
        )
    if not is_told:
        return None
    for text in dict.fromkeys(texts[:num]):
        if (read := _read(model, text)) != text:
            warnings.warn(
                f"{model.name} does not know all words of {text!r}: it reads {read!r}. "
                "Upper and lower case differ.",
                stacklevel=3,
            )
    return [texts[i % len(texts)] for i in range(num)]


def _read(model: "GenerativeModel", text: str) -> str:
    """A text as the tokenizer of a condition sees it."""
    tokenizer = cast(Any, model.condition).tokenizer
    return text if tokenizer is None else tokenizer.decode(tokenizer.encode(text))


def _write_texts(
    model: "GenerativeModel",
    out: Path,
    num: int,
    seed: int,
    labels: list[int] | None,
    how: dict[str, Any],
) -> None:
    from keras_gen.callbacks import write_texts

    prompt = how.pop("prompt", "")
    prompts = [prompt if model.tokenizer else _tokens(prompt)] * num
    how = {**how, "seed": seed}
    if model.condition is not None:
        how["condition"] = _labels(model, num, labels)
    if out.suffix == ".txt" and model.tokenizer:
        write_texts(out, model.complete(prompts, **how))
    elif out.suffix == ".npy":
        tokens = model.complete(model.prompts.check(prompts, "prompt"), **how)
        write_array(out, tokens)
    else:
        suffixes = ".txt or .npy for text" if model.tokenizer else ".npy for tokens"
        raise UsageError(f"--out must be {suffixes}, received {str(out)!r}.")


def _tokens(text: str) -> list[int]:
    """The tokens of a prompt such as "3,14,15"."""
    try:
        return [int(token) for token in text.split(",") if text]
    except ValueError as error:
        raise UsageError(
            f"--prompt must be tokens such as 3,14,15 for a model without a tokenizer, "
            f"received {text!r}."
        ) from error


def _write_examples(
    model: "GenerativeModel",
    out: Path,
    num: int,
    seed: int,
    labels: list[int] | None,
    how: dict[str, Any],
    rate: int | None,
    class_names: Sequence[str],
) -> None:
    from keras_gen.callbacks import save_picture_of
    from keras_gen.capabilities import Denoises, Generates
    from keras_gen.pictures import is_drawable
    from keras_gen.specs import Columns

    if not isinstance(model, Generates):
        raise UsageError(f"{model.name} does not generate samples.")
    told = {"condition": how.pop("condition")} if "condition" in how else {}
    if how and not isinstance(model, Denoises):
        raise UsageError(
            f"{model.name} has no --{next(iter(how)).replace('_', '-')}, which is for "
            "diffusion models."
        )
    if out.suffix == ".txt":
        raise UsageError(
            f"{model.name} does not generate text: --out must be .png, .gif or .npy."
        )
    if out.suffix == ".csv":
        write_table(model, out, num=num, seed=seed, labels=labels, how=how)
        return
    if out.suffix == ".wav" and rate is None:
        raise UsageError(
            f"{model.name} was not trained on WAV files: --out must not be .wav."
        )
    told = told or {"condition": _labels(model, num, labels)}
    samples = model.sample(num, seed=seed, **told, **how)
    if out.suffix == ".npy":
        write_array(out, samples)
    elif out.suffix == ".wav" and rate is not None:
        write_wav(out, samples, rate)
    elif is_drawable(model.inputs):
        known = {"labels": labels, "class_names": class_names}
        save_picture_of(out, model, samples, **known)
    else:
        suffixes = ".npy or .csv" if isinstance(model.inputs, Columns) else ".npy"
        raise UsageError(
            f"--out must be {suffixes}, because samples of shape {samples.shape[1:]} "
            f"cannot be drawn, received {str(out)!r}."
        )


def write_table(
    model: "GenerativeModel",
    out: Path,
    *,
    num: int,
    seed: int,
    labels: list[int] | None = None,
    how: dict[str, Any] | None = None,
) -> None:
    """Draws rows of a table and writes them as a CSV file, with a header.

    A column that is the model's condition stands at its place in the table.

    Args:
        model: A model of `Columns`.
        out: The file.
        num: Number of rows.
        seed: Seed of the samples.
        labels: Classes, repeated in turn. Default: all classes in turn.
        how: Further arguments of `sample`.

    Raises:
        UsageError: If the model does not generate rows of a table.
    """
    from keras_gen.specs import Columns, Target

    if not isinstance(model.inputs, Columns):
        raise UsageError(f"{model.name} generates no table: --out must not be .csv.")
    chosen, target = _labels(model, num, labels), model.condition
    rows = cast(Any, model).sample(num, seed=seed, condition=chosen, **(how or {}))
    frame = model.inputs.to_frame(rows)
    if isinstance(target, Target) and chosen is not None:
        values = [target.values[label] for label in chosen]
        frame.insert(target.place, target.column, values)
    with whole_file(out) as temporary:
        frame.to_csv(temporary, index=False)


def _trained_labels(
    labels: list[int] | None, trained: list[int], num_classes: int
) -> list[int] | None:
    """The labels. Default: the trained classes. Warns of classes without training."""
    if labels is None:
        return None if len(trained) == num_classes else trained
    known = {*range(num_classes)}  # other labels are rejected later
    if absent := sorted(known.intersection(labels) - {*trained}):
        warnings.warn(
            f"{store.classes(absent)} had no training examples. Their samples are "
            "meaningless.",
            stacklevel=3,
        )
    return labels


def _labels(
    model: "GenerativeModel", num: int, labels: list[int] | None
) -> "np.ndarray | None":
    """The labels in turn. Default: all classes of the model in turn."""
    import numpy as np

    from keras_gen.callbacks import default_labels

    return default_labels(model, num) if labels is None else np.resize(labels, num)
