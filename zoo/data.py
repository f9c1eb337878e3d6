"""Data sets by name or path: `load("digits")`, `load("scans.npz")`, `load("cats/")`.

The environment variable `KERAS_GEN_DATA` names a folder that is searched for
`<name>.npz` (in the layout of `keras.datasets`) or `<name>.txt` before a named data
set is made or downloaded. The files of `tabular` are in the same folder. Downloaded
data are compared with the sha256 of the published data, at each use.
"""

import contextlib
import dataclasses
import difflib
import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from .binarized import binarized
from .caption_files import table_of, texts_of
from .clips import ClipData, ClipFiles, read_clips
from .decoding import Framing
from .delimited import CSV_FILES
from .embedded import BUILDERS, Arrays, ArraySplit, UnpairedSplit, split_off
from .emoji import emoji, emoji_styles, emoji_words
from .folders import SUFFIXES, FolderData, ImageFiles, read_folder
from .frames import Table, as_table, read_table
from .kinds import (
    CAPTIONS,
    CLIPS,
    IMAGES,
    PAIRS,
    SERIES,
    SIGNALS,
    SOUND,
    TOKENS,
    UNPAIRED,
    Facts,
    as_kind,
    assumed,
    check_reading,
    folder_kind,
)
from .pairs import load_pairs, load_unpaired
from .records import split_records, split_texts, sub_folders, text_files
from .sounds import Cut, read_recording, read_sounds
from .stacked import stacked
from .tabular import TABLES
from .texts import TextSplit, has_records, is_tokens, split_file, split_tokens
from .usage import UsageError

if TYPE_CHECKING:
    import pandas

    from keras_gen.specs import Columns, Spec, Target

__all__ = [
    "NAMES",
    "ArraySplit",
    "Data",
    "DecodedFiles",
    "ImageFiles",
    "Split",
    "TextSplit",
    "content_hash",
    "is_folder",
    "is_made_here",
    "is_named",
    "load",
]

SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
# Keras compares the files of mnist and cifar10 with a sha256, but not this one.
CONTENT = {
    "fashion_mnist": "3bf2e8073bab14be077fdf8d59c54bbf8dd969706fca2ce9abbc99d6660ac4e0"
}
DOWNLOADS = {
    "cifar10": "airplane automobile bird cat deer dog frog horse ship truck",
    "fashion_mnist": (
        "t-shirt trouser pullover dress coat sandal shirt sneaker bag ankle-boot"
    ),
    "mnist": "0 1 2 3 4 5 6 7 8 9",
    "shakespeare": "",
}
FILES = {
    "diamonds": ("diamonds.csv",),
    "pydocs": ("pydocs.txt",),
    "shakespeare": ("shakespeare.txt", "tinyshakespeare.txt"),
    "smiles": ("smiles.txt",),
}
ORIGINS = {
    "diamonds": "the table of ggplot2, also in the PyPI package plotnine",
    "smiles": "one molecule in each line",
}


def _of_digits(make: Callable[..., Arrays]) -> Callable[[], Arrays]:
    """A reader of data that are made of both splits of MNIST and its classes."""

    def read() -> Arrays:
        digits = load("mnist")
        return make(digits.train, digits.test, digits.class_names)

    return read


PREPARED = {
    **TABLES,
    "binarized_mnist": _of_digits(binarized),
    "emoji": emoji,
    "emoji_styles": emoji_styles,
    "emoji_words": emoji_words,
    "stacked_mnist": _of_digits(stacked),
}  # from files of another layout
NAMES = tuple(sorted({*BUILDERS, *DOWNLOADS, *FILES, *PREPARED}))
KEYS = ("x_train", "y_train", "x_test", "y_test")
MAX_CLASSES = 2**16
FOLDERS = "folders"  # the classes of a folder of texts
NOT_TEXTS = (*SUFFIXES, SOUND)  # of a folder that may hold texts besides
RECORDS = (*CSV_FILES, ".jsonl")
TABLE_FILES = (*CSV_FILES, ".parquet")
NOT_ARRAYS = (".txt", *TABLE_FILES)

Split = ArraySplit | ImageFiles | ClipFiles | TextSplit
DecodedFiles = ImageFiles | ClipFiles


@dataclass(frozen=True, eq=False)
class Data:
    """A data set. Both splits have the same kind and the same shape of examples.

    Attributes:
        name: Name of the data set, or of its file without the suffix.
        train: Split for training: a `Split`, or the tokens of a text.
        test: Held-out split, always the same for the same source.
        class_names: Name of each label. Empty if there are no labels.
        known: Whether it is the data set of that name in `NAMES`, not a file or folder
            that happens to have the same name.
        spec: The columns of a table, or None for other data.
        order: Position in its file of each example, those of `train` first, or None if
            the data come with splits.
        target: The column of a table whose values are the labels, or None.
        validation: Split for validation during training, of a folder with three
            splits. Otherwise None, and `test` serves for it.
        notes: What was done to files of other sizes or modes, in sentences.
        facts: What a reader has found or assumed, as pairs of a name and a text.
        rate: Values per second of sounds, or None.
        anomalies: Held-out examples of other classes than the normal one, see `only`,
            or None.
    """

    name: str
    train: Any
    test: Any
    class_names: tuple[str, ...] = ()
    known: bool = False
    spec: "Columns | None" = None
    order: np.ndarray | None = None
    target: "Target | None" = None
    validation: Any = None
    notes: tuple[str, ...] = ()
    facts: Facts = ()
    rate: int | None = None
    anomalies: Any = None

    @property
    def splits(self) -> tuple[Any, ...]:
        """The splits that exist: for training, held out, for validation."""
        validation = () if self.validation is None else (self.validation,)
        return (self.train, self.test, *validation)

    @property
    def inputs(self) -> "Spec | None":
        """The spec of the examples, or None for texts."""
        from keras_gen.specs import of_shape

        if self.spec is not None or isinstance(self.train, TextSplit):
            return self.spec
        return of_shape(self.train.data_shape)

    @property
    def source(self) -> "Spec | None":
        """The spec of the images to translate, or None for other data."""
        from keras_gen.specs import of_shape

        labels = getattr(self.train, "labels", None)
        if not isinstance(labels, np.ndarray) or labels.ndim == 1:
            return None
        return of_shape(labels.shape[1:])

    @property
    def has_captions(self) -> bool:
        """Whether labels are texts."""
        return has_captions(self.train)

    @property
    def told(self) -> str:
        """What images come with besides classes.

        `PAIRS` or `UNPAIRED` for images to translate, `CAPTIONS` for texts, otherwise
        "".
        """
        if self.has_captions:
            return CAPTIONS
        if self.source is None:
            return ""
        return UNPAIRED if isinstance(self.train, UnpairedSplit) else PAIRS

    @property
    def num_classes(self) -> int:
        """Number of classes. 0 if there are no labels."""
        return len(self.class_names)


def load(
    source: "str | os.PathLike | pandas.DataFrame",
    image_shape: Sequence[int | None] | None = None,
    *,
    fit: str | None = None,
    background: str | float | Sequence[float] | None = None,
    skip_broken: bool = False,
    target: str | None = None,
    spec: "Columns | None" = None,
    columns: Mapping[str, str] | None = None,
    column: str | None = None,
    kind: str | None = None,
    window: int | None = None,
    hop: int | None = None,
    frames: int | None = None,
) -> Data:
    """Loads a data set.

    Args:
        source: One of `NAMES`, or the path of an `.npz` or `.npy` file, a folder of
            images, of WAV files or of clips (GIFs, or folders of frames), in which one
            sub-folder per class gives labels, and `train`, `val` and `test` are splits,
            a `.wav` file, a `.csv` or `.tsv` table with a header, a `.parquet` table,
            or texts in UTF-8: a `.txt` file, a folder of them, or a column of a
            `.jsonl`, `.csv` or `.tsv` file.
            Also a `pandas.DataFrame`. An `.npz` holds `x_train`, `x_test` and
            optionally `y_train`, `y_test`, or `x` and optionally `y`. A tenth of `x`,
            of a table, or of a folder without splits, is held out.
        image_shape: (height, width, channels) of the images of a folder, or (height,
            width), with 1 channel (grey), 3 (colour) or 4 (colour and opacity). None
            for an axis that the files decide: the size of the first image, grey if all
            images are grey, otherwise colour. Other data must already have this shape.
        fit: What becomes of images and clips of other proportions in a folder: "crop"
            (the default) cuts off their sides, "pad" adds background, "stretch" changes
            their proportions.
        background: Colour behind transparent pixels of a folder's images, and around
            padded ones: a grey value in [0, 1], (red, green, blue) in [0, 1] or the
            name of a colour. Default: white.
        skip_broken: Whether to leave out images, clips or WAV files of a folder that
            cannot be decoded. `notes` lists them.
        target: Column whose values become labels, of a table, or besides the texts of a
            `.jsonl` or `.csv` file. "folders" makes the sub-folders of a folder of
            texts the classes.
        spec: The columns of a table. Default: inferred from its values.
        columns: Kinds of columns by name, where others should be inferred: "numeric",
            "integer", "category", "boolean" or "date".
        column: The column of texts in a `.jsonl` or `.csv` file. A `.csv` without it is
            a table, and a `.jsonl` without it must have one text in each line.
        kind: What arrays and folders hold: "series", "images", "clips" or "vectors",
            "pairs" or "unpaired" of a folder with images to translate from `A/` to
            `B/`, see `load_pairs` and `load_unpaired` (these are the labels),
            "captions" of a folder of images with texts, see `caption_files`, or for
            arrays "tokens": integers `(n, length)`, with -1 after the last token of
            a row, or one long sequence `(length,)`. Default: arrays `(n, a, b)` are
            grey images if they hold uint8, or values in [0, 1] with both sides of at
            least 8, otherwise series; a folder of WAV files holds series, one of moving
            GIFs clips, and others images. The `facts` of the data say what was assumed.
        window: Values of an example that is cut from WAV files, or from one recording
            in an array `(length,)` or `(length, channels)`. The last tenth of a
            recording is held out, unless the folder has splits.
        hop: Values from the start of a window to that of the next. Default: `window`.
        frames: Frames of each clip of a folder, evenly spaced. Default: the smallest
            number that a clip has, at most 16.

    Raises:
        UsageError: If a kind is unknown, or does not fit the other options.
        ValueError: If there is no such name or path, if the data are empty, corrupt,
            not finite, outside [0, 1] (images) or mislabelled, or if an argument for
            folders of images is passed without one.
        ConnectionError: If a download fails, or if its content is not the published
            data.
        FileNotFoundError: If `smiles.txt` or the files of a table (see `tabular`)
            are missing.
    """
    if not isinstance(source, str | os.PathLike):
        return _of_table(as_table(source, "table", target, spec, columns), "table")
    name = os.fspath(source)
    known = is_named(source)
    how = check_reading({"kind": kind, "window": window, "hop": hop, "frames": frames})
    if how and (known or name.lower().endswith(NOT_ARRAYS)):
        option, value = next(iter(how.items()))
        raise ValueError(
            f"{option} is for arrays, sounds and folders, received {value!r} for "
            f"{name}."
        )
    of_folders = {"fit": fit, "background": background}
    of_folders |= {"skip_broken": skip_broken or None}
    for argument, value in of_folders.items():
        if value is not None and (known or os.path.isfile(name)):
            raise ValueError(
                f"{argument} is for folders of images, received {value!r} for {name}."
            )
    kinds = {"columns": columns} if columns else {}
    if known:
        if os.path.exists(name):
            warnings.warn(
                f"{name} is read as the data set of this name, not as the files here. "
                f"Pass .{os.sep}{name} to read them.",
                stacklevel=2,
            )
        path = _local_copy(name)
        data = _read(path, name, how=kinds) if path else _load_named(name)
        data = dataclasses.replace(data, known=True, facts=())
    else:
        path = Path(os.path.abspath(_existing(name)))
        if path.is_dir() and kind is None and text_files(path, NOT_TEXTS):
            data = _read(path, path.stem, target)
        elif kind in (PAIRS, UNPAIRED):
            framing = {"fit": fit, "background": background}
            data = _read_translations(path, image_shape, kind, skip_broken, framing)
        elif kind == CAPTIONS:
            framing = Framing.of(fit, background)
            data = _read_captions(path, image_shape, framing, skip_broken)
        elif path.is_dir() and (how.get("kind") or folder_kind(path)) not in SIGNALS:
            framing = Framing.of(fit, background)
            data = _read_images(path, image_shape, framing, skip_broken)
        elif path.is_dir() or path.suffix.lower() == SOUND:
            of_clips = {"fit": fit, "background": background}
            how |= of_clips | {"skip_broken": skip_broken}
            data = _read_signals(path, image_shape, how)
        else:
            data = _read(path, path.stem, target, spec, column, how | kinds)
    if kind == TOKENS and not is_tokens(data.train):
        raise ValueError(
            f"kind must be {TOKENS}, of an .npy or .npz file, received {kind!r} for "
            f"{name}."
        )
    if column is not None and not isinstance(data.train, TextSplit):
        raise ValueError(f"column is for texts, received {column!r} for {name}.")
    has_target = data.spec is not None or has_records(data.train)
    if target is not None and not has_target:
        raise ValueError(
            f"target is for tables, columns of texts and folders of texts, received "
            f"{target!r} for {name}."
        )
    if columns and data.spec is None:
        raise ValueError(f"columns is for tables, received {columns!r} for {name}.")
    if column is not None and not name.lower().endswith(RECORDS):
        raise ValueError(
            f"column is for .csv and .jsonl files, received {column!r} for {name}."
        )
    shape = getattr(data.train, "data_shape", None)
    asked = () if image_shape is None else tuple(image_shape)
    if asked and not known and len(shape or ()) < 3:
        raise ValueError(
            f"image_shape is for images and clips, received {asked} for {name}, which "
            f"holds {'text' if shape is None else f'examples of shape {shape}'}."
        )
    if shape is not None and len(shape) == 4:
        shape = shape[1:]  # of the frames of clips
    if asked and (shape is None or not _matches(shape, asked)):
        received = "text" if shape is None else f"examples of shape {shape}"
        raise ValueError(f"image_shape {asked} is expected, {name} holds {received}.")
    return data


def _matches(shape: Sequence[int], asked: Sequence[int | None]) -> bool:
    """Whether a shape begins with the axes asked for, where None is any size."""
    both = zip(shape, asked, strict=False)
    return len(shape) >= len(asked) and all(a in (None, n) for n, a in both)


def is_named(source: str | os.PathLike) -> TypeGuard[str]:
    """Whether `load` takes the source for the name of a data set, and for no path."""
    return isinstance(source, str) and source in NAMES


def is_folder(source: str | os.PathLike) -> bool:
    """Whether `load` takes the source for a folder."""
    return not is_named(source) and os.path.isdir(source)


def holds_texts(source: str | os.PathLike) -> bool:
    """Whether `load` takes the source for a folder of texts."""
    return is_folder(source) and bool(text_files(Path(source), NOT_TEXTS))


def is_made_here(source: str | os.PathLike) -> bool:
    """Whether `load` computes the data, or takes them from other packages."""
    return is_named(source) and source in BUILDERS and not _local_copy(source)


def content_hash(data: Data) -> str:
    """The sha256 of all examples and labels, in hexadecimal.

    Arrays are hashed as loaded, so that other compression changes nothing. Images are
    hashed as the bytes of their files, and texts in UTF-8. Names and paths do not
    matter.
    """
    total = hashlib.sha256(b"" if data.spec is None else repr(data.spec).encode())
    for split in data.splits:
        for part in _parts(split):
            total.update(part)
    return total.hexdigest()


def _parts(split: Split) -> Iterator[bytes | memoryview]:
    """The parts of a split, each after its kind and size."""
    arrays = {"labels": split.labels}
    if is_tokens(split):
        tokens: Any = split.source
        yield f"tokens{tokens.dtype.str}{tokens.shape}".encode()
        yield np.ascontiguousarray(tokens).data.cast("B")
    elif isinstance(split, TextSplit):
        text: Any = split.source
        for chunk in [text] if isinstance(text, str) else text.chunks():
            yield chunk.encode()
        yield b"\0text"
    elif isinstance(split, ImageFiles):
        yield f"images{len(split)}{split.data_shape}".encode()
        yield from map(_file_hash, split.paths)
    else:
        arrays = {"x": getattr(split, "x", None)} | arrays
    for name, array in arrays.items():
        if array is not None:
            yield f"{name}{array.dtype.str}{array.shape}".encode()
            is_text = array.dtype.kind == "U"
            rows = array.view(np.uint32) if is_text else array
            yield np.ascontiguousarray(rows).data.cast("B")


def renumbered(data: Data, class_names: Sequence[str]) -> Data:
    """The data with the classes numbered as in a run, by their names.

    Args:
        data: The data, whose own classes may be fewer or in another order.
        class_names: Names of the classes of the run, in their order.

    Raises:
        ValueError: If the data have a class that the run does not know.
    """
    if data.train.labels is None or data.class_names == tuple(class_names):
        return data
    if unknown := [name for name in data.class_names if name not in class_names]:
        raise ValueError(
            f"{data.name} has the classes {', '.join(unknown)}, which are unknown to "
            f"the model. It knows {', '.join(class_names)}."
        )
    number = np.array([class_names.index(n) for n in data.class_names], np.int32)
    kinds = ("train", "test", "validation")
    splits = {
        kind: dataclasses.replace(split, labels=number[split.labels])
        for kind, split in zip(kinds, data.splits, strict=False)
    }
    return dataclasses.replace(data, **splits, class_names=tuple(class_names))


def only(data: Data, normal: str) -> Data:
    """The examples of the normal class, without labels.

    Held-out examples of the other classes become `anomalies`.

    Raises:
        UsageError: If the data do not hold the class, or no other one.
    """
    if isinstance(data.train, TextSplit):
        raise UsageError(
            f"--normal is for tables, images and other arrays, received {normal!r} for "
            f"{data.name}, which holds texts or tokens."
        )
    check_normal(normal, data.class_names, data.name)
    number = data.class_names.index(normal)
    kinds = ("train", "test", "validation")
    rows = [split.labels == number for split in data.splits]
    if not (rows[0].any() and rows[1].any()):
        raise UsageError(
            f"{data.name} requires examples of {normal!r} to train and held out, "
            f"received {rows[0].sum():,} and {rows[1].sum():,}."
        )
    chosen = {
        kind: _unlabelled(split.subset(np.flatnonzero(of)))
        for kind, split, of in zip(kinds, data.splits, rows, strict=False)
    }
    anomalies = _unlabelled(data.test.subset(np.flatnonzero(~rows[1])))
    text = (
        f"{normal}, {rows[0].sum():,} of {len(rows[0]):,} examples to train; "
        f"{len(anomalies):,} of other classes held out"
    )
    facts = (*data.facts, ("normal", text))
    known = {"anomalies": anomalies, "class_names": (), "order": None, "facts": facts}
    return dataclasses.replace(data, **chosen, **known, target=None)


def balanced(data: Data, balance: float) -> Data:
    """Repeats training examples of rare classes.

    Args:
        data: Data in memory. Data without classes stay as they are.
        balance: b, in [0, 1]. A class of n examples is repeated to about n^(1-b) m^b,
            where m is the number of the largest class: 0 repeats nothing, 1 makes all
            classes equal. Held-out examples stay as they are.
    """
    labels = data.train.labels
    if labels is None or labels.ndim > 1 or labels.dtype.kind not in "iu":
        return data
    counts = np.bincount(labels)
    wanted = np.ceil(counts ** (1.0 - balance) * counts.max() ** balance).astype(int)
    rows = [
        np.resize(np.flatnonzero(labels == number), wanted[number])
        for number in np.flatnonzero(counts)
    ]
    return dataclasses.replace(data, train=data.train.subset(np.concatenate(rows)))


def check_normal(normal: str, classes: Sequence[str], data: str) -> None:
    """Raises UsageError unless the class is one of several."""
    if normal not in classes or len(classes) < 2:
        have = ", ".join(classes) or "none; name a column of a table with --label"
        raise UsageError(
            f"--normal must be one of several classes, received {normal!r}. Classes of "
            f"{data}: {have}."
        )


def _unlabelled(split: Any) -> Any:
    return dataclasses.replace(split, labels=None)


def has_captions(split: Split) -> bool:
    """Whether the labels of a split are texts."""
    return split.labels is not None and split.labels.dtype.kind == "U"


def _file_hash(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _existing(path: str) -> str:
    if path and os.path.exists(path):
        return path
    near = difflib.get_close_matches(path, NAMES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"source {path!r} is neither a data set nor an existing path.{hint} "
        f"Data sets: {', '.join(NAMES)}."
    )


def _local_copy(name: str) -> Path | None:
    """The file of a named data set in the folder `KERAS_GEN_DATA`, if any."""
    folder = os.environ.get("KERAS_GEN_DATA")
    if not folder:
        return None
    if not os.path.isdir(folder):
        raise ValueError(f"KERAS_GEN_DATA must name a folder, received {folder!r}.")
    if name in PREPARED:
        return None
    paths = [Path(folder, file) for file in FILES.get(name, (f"{name}.npz",))]
    return next((path for path in paths if path.is_file()), None)


def _load_named(name: str) -> Data:
    if make := {**BUILDERS, **PREPARED}.get(name):
        return Data(name, *make())
    if name not in DOWNLOADS:
        (file,) = FILES[name]
        raise FileNotFoundError(
            f"{name} is a file of yours: set KERAS_GEN_DATA to a folder that holds "
            f"{file} ({ORIGINS[name]}), or pass its path as the data."
        )
    import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # of the progress bar
            if name == "shakespeare":
                path = keras.utils.get_file(
                    "shakespeare.txt", SHAKESPEARE, file_hash=SHAKESPEARE_SHA256
                )
                return _read(Path(path), name)
            train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception
        file = FILES.get(name, (f"{name}.npz",))[0]
        raise ConnectionError(
            f"{name} could not be downloaded ({error}). Set KERAS_GEN_DATA to a folder "
            f"that holds {file}."
        ) from error
    data = _from_arrays(dict(zip(KEYS, (*train, *test), strict=True)), name, name)
    expected = CONTENT.get(name)
    if expected and (received := content_hash(data)) != expected:
        raise ConnectionError(
            f"{name} was downloaded, but is not the published data set: the sha256 of "
            f"its content is {received[:12]}, expected {expected[:12]}. Remove it from "
            "the folder datasets in ~/.keras, or KERAS_HOME, and try again."
        )
    return data


def _read(
    path: Path,
    name: str,
    target: str | None = None,
    spec: "Columns | None" = None,
    column: str | None = None,
    how: Mapping[str, Any] | None = None,
) -> Data:
    """Reads a file by its kind."""
    suffix, how = path.suffix.lower(), how or {}
    kind = how.get("kind")
    if path.is_dir():
        files, by_folder = text_files(path, NOT_TEXTS), target is not None
        if target not in (None, FOLDERS):
            raise ValueError(
                f"the classes of a folder of texts are its sub-folders: choose "
                f"{FOLDERS}, received {target!r} for {path}."
            )
        facts = () if by_folder else sub_folders(path, files)
        return Data(name, *split_texts(path, files, by_folder=by_folder), facts=facts)
    if suffix == ".jsonl" or (suffix in RECORDS and column is not None):
        return Data(name, *split_records(path, column, target))
    if kind == TOKENS and suffix in (".npz", ".npy"):
        return _token_data(read_arrays(path), name, str(path))
    if suffix == ".txt":
        return Data(name, *split_file(path))
    if suffix in TABLE_FILES:
        try:
            table = read_table(path, target, spec, how.get("columns"))
            return _of_table(table, name)
        except ValueError as error:
            if suffix not in RECORDS or "max_categories" not in str(error):
                raise
            cure = "If it holds texts, choose it with --column, for a model of texts."
            raise ValueError(f"{error} {cure}") from error
    if suffix in (".npz", ".npy"):
        return _from_arrays(read_arrays(path), name, str(path), how)
    raise ValueError(
        f"{path} must be an .npz, .npy, .wav, .csv, .tsv, .parquet, .jsonl or .txt "
        "file, or a folder of images, WAV files, clips or texts."
    )


def _read_signals(
    path: Path, image_shape: Sequence[int | None] | None, how: Mapping[str, Any]
) -> Data:
    """Reads sounds, or a folder of clips."""
    fit, background = how["fit"], how["background"]
    kind = how.get("kind") or (folder_kind(path) if path.is_dir() else SERIES)
    if kind == SERIES:
        if fit is not None or background is not None:
            raise ValueError(
                "fit and background are for folders of images and clips, received "
                f"{fit!r} and {background!r} for {path}."
            )
        reading = how.get("window"), how.get("hop")
        cut = read_sounds(path, *reading, skip_broken=how["skip_broken"])
        return _of_cut(path.stem, cut)
    framing = Framing.of(fit, background)
    clips = read_clips(
        path,
        how.get("frames"),
        image_shape,
        framing,
        skip_broken=how["skip_broken"],
    )
    return _of_files(clips, path.stem)


def _of_cut(name: str, cut: Cut) -> Data:
    """Windows of recordings as data."""
    known = {"validation": cut.validation, "order": cut.order, "rate": cut.rate}
    known |= {"notes": cut.notes, "facts": cut.facts}
    return Data(name, cut.train, cut.test, cut.class_names, **known)


def _of_files(found: FolderData | ClipData, name: str) -> Data:
    """The files of a folder as data. Without splits, a tenth of them is held out."""
    known = {"validation": found.validation, "notes": found.notes, "facts": found.facts}
    data = Data(name, found.train, found.test, found.class_names)
    if found.test is None:
        data = _hold_out(found.train, name, found.class_names)
    return dataclasses.replace(data, **known)


def _read_images(
    path: Path,
    image_shape: Sequence[int | None] | None,
    framing: Framing,
    skip_broken: bool,  # noqa: FBT001
) -> Data:
    """Reads a folder of images."""
    found = read_folder(path, image_shape, framing, skip_broken=skip_broken)
    return _of_files(found, path.stem)


def _read_captions(
    path: Path,
    image_shape: Sequence[int | None] | None,
    framing: Framing,
    skip_broken: bool,  # noqa: FBT001
) -> Data:
    """Reads a folder of images with their texts as labels."""
    if not path.is_dir():
        raise ValueError(f"kind {CAPTIONS} is for a folder of images, received {path}.")
    data = _read_images(path, image_shape, framing, skip_broken)
    kinds = ("train", "test", "validation")
    splits = {
        kind: dataclasses.replace(split, labels=texts_of(path, split.paths))
        for kind, split in zip(kinds, data.splits, strict=False)
    }
    table = table_of(path)
    origin = "the names of the files" if table is None else table.name
    facts = (*data.facts, ("captions from", origin))
    return dataclasses.replace(data, **splits, class_names=(), facts=facts)


def _read_translations(
    path: Path,
    image_shape: Sequence[int | None] | None,
    kind: str,
    skip_broken: bool,  # noqa: FBT001
    framing: Mapping[str, Any],
) -> Data:
    """Reads images of `B/`, with those of `A/` to translate."""
    if not path.is_dir():
        raise ValueError(
            f"kind {kind} is for a folder with A and B in it, received {path}."
        )
    read = load_pairs if kind == PAIRS else load_unpaired
    found = read(path, image_shape, skip_broken=skip_broken, **framing)
    make = ArraySplit if kind == PAIRS else UnpairedSplit
    train, test = (make(split.b.x, split.a.x) for split in (found.train, found.test))
    sides = found.train.a, found.train.b
    shapes = " to ".join(str(side.data_shape) for side in sides)
    counts = " and ".join(f"{len(side):,}" for side in sides) + " to train"
    facts = (("translated", shapes), ("images", counts))
    return Data(path.stem, train, test, notes=found.notes, facts=facts)


def _of_table(table: Table, name: str) -> Data:
    data = _hold_out(ArraySplit(table.rows, table.labels), name, table.class_names)
    return dataclasses.replace(data, spec=table.spec, target=table.target)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays with known names of an `.npz`, or that of an `.npy` as `x`."""
    arrays, title = {}, str(path)
    try:
        with open(path, "rb") as file:  # which numpy leaves open if it is damaged
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"x": loaded}
            for key in {*KEYS, "x", "y"}.intersection(loaded.files):
                title = f"{path}, {key!r},"
                arrays[key] = np.asarray(loaded[key])
    except Exception as error:  # zipfile, zlib and numpy raise many types
        reason = str(error)
        if not _is_of_numpy(path):
            reason = "numpy.save or numpy.savez did not write it."
        elif "allow_pickle" in reason:
            reason = (
                "it holds Python objects. Save numbers, such as x.astype('float32')."
            )
        raise ValueError(f"{title} cannot be read: {reason}") from error
    if not {"x", "x_train", "x_test"}.intersection(arrays):
        received = ", ".join(sorted(loaded.files)) or "none"
        raise ValueError(
            f"{path} must hold the array x, or x_train and x_test, received {received}."
        )
    return arrays


def _is_of_numpy(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(6).startswith((b"\x93NUMPY", b"PK"))


def _token_data(arrays: dict[str, np.ndarray], name: str, where: str) -> Data:
    """Tokens `x`, and their classes `y`. Errors call their origin `where`."""
    from keras_gen.specs import Classes  # which imports TensorFlow

    if "x" in arrays:
        x, labels = arrays["x"], arrays.get("y")
        if labels is not None and x.ndim == 2:
            called = f"{where}, 'y',"
            labels = Classes(MAX_CLASSES).check(labels, called, rows=len(x))
        train, test = split_tokens(x, f"{where}, 'x',", labels)
        return Data(name, train, test, _class_names(name, train, test))
    raise ValueError(f"{where} must hold tokens x, received {', '.join(arrays)}.")


def _from_arrays(
    arrays: dict[str, np.ndarray],
    name: str,
    where: str,
    how: Mapping[str, Any] | None = None,
) -> Data:
    """Checks arrays. Errors call their origin `where`."""
    how = how or {}
    if "window" in how:
        return _recording(arrays, name, where, how)
    first = arrays.get("x_train", arrays.get("x"))
    kind, facts = how.get("kind"), ()
    if first is not None and kind is None:
        key = "x_train" if "x_train" in arrays else "x"
        _, kind = as_kind(first, None, f"{where}, {key!r},")
        facts = assumed(first, kind)
    if "x" in arrays and "x_train" not in arrays:
        [whole] = _narrowed(_check(arrays, "x", "y", where, kind))
        data = _hold_out(whole, name, _class_names(name, whole))
        return dataclasses.replace(data, facts=facts)
    for key in ("x_train", "x_test"):
        if key not in arrays:
            received = ", ".join(sorted(arrays)) or "neither"
            raise ValueError(
                f"{where} must hold x_train and x_test, or x; {key} is missing, "
                f"received {received}."
            )
    train = _check(arrays, "x_train", "y_train", where, kind)
    test = _check(arrays, "x_test", "y_test", where, kind)
    train, test = _narrowed(train, test)
    if (train.labels is None) != (test.labels is None):
        raise ValueError(f"{where} must hold both y_train and y_test, or neither.")
    if train.data_shape != test.data_shape or train.x.dtype != test.x.dtype:
        raise ValueError(
            f"{where}: x_train and x_test must have examples of one shape and dtype, "
            f"received {train.data_shape} {train.x.dtype} and {test.data_shape} "
            f"{test.x.dtype}."
        )
    return Data(name, train, test, _class_names(name, train, test), facts=facts)


def _recording(
    arrays: dict[str, np.ndarray], name: str, where: str, how: Mapping[str, Any]
) -> Data:
    """Windows of the one recording `x`."""
    if list(arrays) != ["x"]:
        received = ", ".join(sorted(arrays)) or "none"
        raise ValueError(
            f"{where} must hold one recording x to be cut by --window, received the "
            f"arrays {received}."
        )
    title = f"{where}, 'x',"
    cut = read_recording(arrays["x"], how["window"], how.get("hop"), title)
    return _of_cut(name, cut)


def _check(
    arrays: dict[str, np.ndarray],
    x_key: str,
    y_key: str,
    where: str,
    kind: str | None = None,
) -> ArraySplit:
    from keras_gen.limits import FINITE, UNIT  # which import TensorFlow
    from keras_gen.specs import Classes
    from keras_gen.validation import check_numbers, check_rows

    title = f"{where}, {x_key!r},"
    x, kind = as_kind(arrays[x_key], kind, title)
    is_seen = kind in (IMAGES, CLIPS)
    own = {"limit": UNIT if is_seen else FINITE, "wide": not is_seen, "name": title}
    check_rows(x, title)
    x = check_numbers(x, x.shape[1:], **own, has_bytes=is_seen)
    labels = arrays.get(y_key)
    if labels is not None:
        title = f"{where}, {y_key!r},"
        labels = Classes(MAX_CLASSES).check(labels, title, rows=len(x))
    return ArraySplit(x, labels)


def _narrowed(*splits: ArraySplit) -> list[ArraySplit]:
    """Vectors and series as float32, unless that would round columns of the first."""
    from keras_gen.scaling import narrowed  # which imports TensorFlow

    x = splits[0].x
    if x.ndim > 3:
        return list(splits)
    dtype = narrowed(x.reshape(-1, x.shape[-1])).dtype
    return [ArraySplit(s.x.astype(dtype, copy=False), s.labels) for s in splits]


def _class_names(name: str, *splits: ArraySplit | TextSplit) -> tuple[str, ...]:
    """The classes of a known data set, or the numbers up to the largest label."""
    labels = [split.labels for split in splits if split.labels is not None]
    if not labels:
        return ()
    count = 1 + max(int(part.max()) for part in labels)
    known = tuple(DOWNLOADS.get(name, "").split())
    return known if len(known) >= count else tuple(map(str, range(count)))


def _hold_out(
    data: ArraySplit | DecodedFiles, name: str, class_names: tuple[str, ...]
) -> Data:
    train, test, order = split_off(data, name)
    return Data(name, train, test, class_names, order=order)
