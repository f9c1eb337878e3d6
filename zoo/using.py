"""Uses of a trained model beyond samples: detect, impute, restore, interpolate."""

import csv
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from keras_gen.extras import package
from keras_gen.files import whole_file, whole_folder, write_array
from keras_gen.frames import as_codes

from . import store
from .data import Data, DecodedFiles, check_normal, read_arrays
from .decoding import read_image, save_image
from .delimited import CSV_FILES, check_rows
from .evaluation import EVALUATED_EXAMPLES, data_of, loaded, normal_of
from .fitting import takes_labels
from .folders import is_pictures, read_folder
from .frames import read_csv, texts_of
from .languages import InLines, TokenSplit
from .preset import target_of
from .recipe import UsageError
from .sounds import WindowSplit
from .text_judging import SENTENCE, Judgeable, all_of, held_out_of, unit_of
from .text_settings import arranged
from .texts import is_tokens

if TYPE_CHECKING:
    from keras_gen.metrics import Estimate
    from keras_gen.model import GenerativeModel
    from keras_gen.specs import Column, Columns

ROWS = 4096  # examples that are in memory at a time
MOST_BYTES = 2**28
HALF = 127  # of the white of a mask
FALSE_ALARMS = 0.01


class Judged(NamedTuple):
    """What `detect` found in data.

    Attributes:
        names: Name of each example: the path of its file, or its row.
        scores: Anomaly scores, `(n,)`.
        flagged: Which are above the threshold, `(n,)`.
        classes: Name of the class of each example, or None.
        threshold: The threshold.
        num_held_out: Number of held-out examples that it comes from.
        false_alarms: The rate of these that may be flagged.
        auc: The area under the ROC, or None without known anomalies.
        unit: What names are of: "row", "file", "line", "sentence", or "token" for the
            position of the first token of a window.
        beginnings: The beginning of each text, or None for other data.
        starts: Of windows of recordings, the place of the first value of each, `(n,)`,
            from 0. None for other data.
        rate: Values per second of sounds, or None.
    """

    names: list[str]
    scores: np.ndarray
    flagged: np.ndarray
    classes: np.ndarray | None
    threshold: float
    num_held_out: int
    false_alarms: float
    auc: "Estimate | None"
    unit: str = "row"
    beginnings: list[str] | None = None
    starts: np.ndarray | None = None
    rate: int | None = None

    @property
    def num_unknown(self) -> int:
        """Number of texts with a character that the model has no token for."""
        is_text = self.beginnings is not None
        return int(np.isinf(self.scores).sum()) if is_text else 0

    def as_dict(self) -> dict[str, Any]:
        """Counts for JSON."""
        facts: dict[str, Any] = {
            "examples": len(self.scores),
            "flagged": int(self.flagged.sum()),
            "threshold": self.threshold,
            "held_out": self.num_held_out,
            "false_alarms": self.false_alarms,
        }
        if self.num_unknown:
            facts["unknown_characters"] = self.num_unknown
        if self.classes is not None:
            facts["flagged_of"] = {
                str(name): [int(self.flagged[of].sum()), int(of.sum())]
                for name in np.unique(self.classes)
                for of in [self.classes == name]
            }
        if self.auc is not None:
            facts["roc_auc"] = self.auc.as_dict()
        return facts


def detect(
    source: str | Path,
    data: str | Path,
    *,
    false_alarms: float | None = None,
    normal: str | None = None,
    label: str | None = None,
    own: str | Path | None = None,
    column: str | None = None,
) -> Judged:
    """Scores data by a trained model and flags what is unlike its held-out data.

    All examples of a file or folder are judged, in their order. Of data that come with
    splits, the held-out ones are.

    Of texts, each line that is not blank is judged, or each sentence if the model was
    trained on sentences, each record of a `.jsonl` or `.csv` file, each row of tokens,
    each window of one sequence of tokens, or each file of a folder, if whole files were
    held out in training. The score is the negative
    log-likelihood per token; see `metrics.text_scores`, also for long texts.

    Args:
        source: A run folder, or the name of a recipe with pretrained weights.
        data: Data set or path of the examples to judge.
        false_alarms: The rate of normal examples that may be flagged, in (0, 1). None
            means 0.01, or with fewer than 99 held-out examples the smallest rate that
            they allow.
        normal: The class of the normal examples; all others are anomalies. None means
            the class on which the run was trained, if it was one; otherwise anomalies
            are not known.
        label: Column of a table, or besides texts, whose values are the classes.
            "folders" of a folder of texts.
        own: Data set or path of the data of the training, if they have moved. Its
            held-out examples give the threshold, at most 10,000 of them.
        column: Column of the texts to judge. Default: that of the run.

    Raises:
        UsageError: If the run or the class does not exist.
        ValueError: If the data do not fit, or if there are too few held-out examples.
    """
    from keras_gen.metrics import alarm_threshold, anomaly_auc
    from keras_gen.metrics.anomalies import alarm_rank, can_score, smallest_rate
    from keras_gen.specs import Tokens

    model = store.load(source)
    if isinstance(model.inputs, Tokens):
        held_out, judged = _texts(source, model, data, label, own, column)
    elif column is not None:
        raise UsageError(f"--column is for texts, received {column!r} for {data}.")
    elif not can_score(model):
        raise UsageError(
            f"{model.name} cannot score examples: that takes a likelihood, a bound of "
            "it, a density of codes or reconstructions, as the presets autoencoder, "
            "vae, flow, diffusion and pixel_cnn have."
        )
    else:
        held_out, judged = _arrays(source, model, data, label, own)
    count = len(held_out.names)
    if false_alarms is None:
        false_alarms = max(FALSE_ALARMS, smallest_rate(count))
    alarm_rank(count, false_alarms)  # before the scores, which take long
    present = [] if judged.classes is None else np.unique(judged.classes).tolist()
    if normal is not None:
        check_normal(normal, present, judged.title)
    elif len(present) > 1 and normal_of(source) in present:
        normal = normal_of(source)
    threshold = alarm_threshold(_scores(model, held_out), false_alarms)
    scores, classes, auc = _scores(model, judged), judged.classes, None
    if normal is not None:
        auc = anomaly_auc(scores[classes == normal], scores[classes != normal])
    found = (judged.names, scores, scores > threshold, classes, threshold, count)
    about = judged.unit, judged.beginnings, judged.starts, judged.rate
    return Judged(*found, false_alarms, auc, *about)


class _Examples(NamedTuple):
    """Examples with their condition, part by part, and what is known of them.

    Attributes:
        parts: The parts.
        names: Name of each example, in the order of the file.
        classes: Name of the class of each, `(n,)`, or None.
        title: The name of the data.
        order: Position in the file of each example of the parts, or None.
        unit: As in `Judged`.
        beginnings: As in `Judged`.
        starts: As in `Judged`.
        rate: As in `Judged`.
    """

    parts: Iterator[tuple[Any, np.ndarray | None]]
    names: list[str]
    classes: np.ndarray | None = None
    title: str = ""
    order: np.ndarray | None = None
    unit: str = "row"
    beginnings: list[str] | None = None
    starts: np.ndarray | None = None
    rate: int | None = None


def _arrays(
    source: str | Path,
    model: "GenerativeModel",
    data: str | Path,
    label: str | None,
    own: str | Path | None,
) -> tuple[_Examples, _Examples]:
    """Held-out examples, and those to judge."""
    from keras_gen.metrics.arrays import spread_rows

    held_out, judged = (
        data_of(source, model, own).test,
        data_of(source, model, data, label, whole=True),
    )
    if len(held_out) > EVALUATED_EXAMPLES:
        held_out = held_out.subset(spread_rows(len(held_out), EVALUATED_EXAMPLES))
    found = _in_order(judged)
    classes = None
    if found.labels is not None:
        classes = np.asarray(judged.class_names)[found.labels]
    parts = (part for split in found.splits for part in _parts(model, split))
    about = classes, judged.name, judged.order, found.unit
    windows = {"starts": found.starts, "rate": judged.rate}
    numbers = [*map(str, range(len(held_out)))]
    return (
        _Examples(_parts(model, held_out), numbers),
        _Examples(parts, found.names, *about, **windows),
    )


def _texts(
    source: str | Path,
    model: "GenerativeModel",
    data: str | Path,
    label: str | None,
    own: str | Path | None,
    column: str | None,
) -> tuple[_Examples, _Examples]:
    """Held-out texts, and those to judge."""
    from keras_gen.metrics.arrays import spread_rows

    length, settings = cast(Any, model).length, {}
    if Path(source).is_dir():
        settings = store.settings_of(Path(source))
    usual = arranged(loaded(source, model, own), settings)
    judged = loaded(source, model, data, label, column)
    if is_tokens(judged.train) != is_tokens(usual.train):
        kinds = ["tokens" if is_tokens(d.train) else "texts" for d in (usual, judged)]
        raise UsageError(
            f"{model.name} was trained on {kinds[0]}, and {data} holds {kinds[1]}."
        )
    take = store.recipe_of(source).text
    by_sentences = isinstance(take, InLines) and take.sentences
    unit = unit_of(usual, judged, by_sentences=by_sentences)
    own_unit = SENTENCE if by_sentences else unit
    held_out = [*held_out_of(usual, own_unit, length)]
    chosen = spread_rows(len(held_out), EVALUATED_EXAMPLES)
    found = [*all_of(judged, unit, length)]
    labels = [one.label for one in found]
    classes = None
    if None not in labels:
        classes = np.asarray(judged.class_names)[np.array(labels, int)]
    names = [one.name for one in found]
    begins = None if is_tokens(judged.train) else [one.beginning for one in found]
    how = {"unit": unit, "beginnings": begins}
    held_out = [held_out[i] for i in chosen]
    return (
        _Examples(_text_parts(model, held_out), [one.name for one in held_out]),
        _Examples(_text_parts(model, found), names, classes, judged.name, **how),
    )


def _text_parts(
    model: "GenerativeModel", texts: list[Judgeable]
) -> Iterator[tuple[list[Any], np.ndarray | None]]:
    for start in range(0, len(texts), ROWS):
        several = texts[start : start + ROWS]
        labels = [one.label for one in several]
        condition = None
        if model.condition is not None and None not in labels:
            condition = np.array(labels, np.int32)
        yield [one.text for one in several], condition


class _Ordered(NamedTuple):
    """The splits to judge, and what is known of the examples in order of their file.

    Attributes:
        splits: The splits.
        names: Name of each example.
        labels: Class of each, or None.
        unit: As in `Judged`.
        starts: As in `Judged`.
    """

    splits: list[Any]
    names: list[str]
    labels: np.ndarray | None
    unit: str
    starts: np.ndarray | None


def _in_order(data: Data) -> _Ordered:
    """The splits to judge, and their examples in order of their file."""
    if data.order is None:
        splits, back = [data.test], np.arange(len(data.test))
    else:
        splits, back = [data.train, data.test], np.argsort(data.order)
    labels, names, unit = None, [str(row) for row in range(len(back))], "row"
    if splits[0].labels is not None:
        labels = np.concatenate([split.labels for split in splits])[back]
    starts = None
    if isinstance(splits[0], WindowSplit):
        starts = np.concatenate([split.starts for split in splits])[back]
    if isinstance(splits[0], DecodedFiles | WindowSplit):
        paths = [path for split in splits for path in split.paths]
        if paths:
            names, unit = [paths[i] for i in back], "file"
    return _Ordered(splits, names, labels, unit, starts)


def _scores(model: "GenerativeModel", examples: _Examples) -> np.ndarray:
    """Anomaly scores in the order of the file, part by part."""
    from keras_gen.metrics import anomaly_scores

    scores = np.concatenate(
        [anomaly_scores(model, x, condition) for x, condition in examples.parts]
    )
    return scores if examples.order is None else scores[np.argsort(examples.order)]


def _parts(
    model: "GenerativeModel", split: Any
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The examples of a split and their condition, some at a time."""
    size = int(np.prod(split.data_shape))
    step = max(1, min(ROWS, MOST_BYTES // (4 * size)))
    for start in range(0, len(split), step):
        part = split.subset(np.arange(start, min(start + step, len(split))))
        condition = part.labels if takes_labels(model) else None
        yield part.head(len(part)), condition


def impute(
    source: str | Path,
    data: Path,
    out: Path,
    *,
    mask: Path | None = None,
    labels: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[int, int]:
    """Writes a table, an array or images with their missing values filled in.

    Known cells of a CSV file are written as they stand there, and so are columns that
    the model does not know. Missing are empty cells, and what pandas reads as such.

    Args:
        source: A run folder, or the name of a recipe with pretrained weights.
        data: A `.csv` or `.tsv` file, an `.npy` array in which NaN is missing, or with
            a mask an array, an image or a folder of images. Images of another size than
            the model's are cropped and resized, with a warning.
        out: The file to write, with the same suffix; of an image a `.png`, of a folder
            of images a new folder.
        mask: An image in which white, or an `.npy` array in which 1, is to be filled
            in, of the model's size; for all examples.
        labels: Classes of the examples, repeated in turn, for a conditional model.
        seed: Decides what is filled in.

    Returns:
        Number of cells that were missing, and of rows that had any.

    Raises:
        UsageError: If the model does not fit such a file, or is conditioned on what the
            file does not hold.
        ValueError: If the data do not fit the model.
    """
    import tensorflow as tf

    from keras_gen.capabilities import Inpaints
    from keras_gen.imputing import impute as fill
    from keras_gen.specs import Columns, num_classes

    model = store.load(source)
    if not isinstance(model, Inpaints):
        raise UsageError(
            f"{model.name} cannot fill in values: that takes a VAE, a flow or a "
            "diffusion model. (A PixelCNN has complete_image, and a restorer that was "
            "trained with --set corruption=masking has the command restore.)"
        )
    own: Any = model
    is_table, is_masked = isinstance(own.inputs, Columns), mask is not None
    expected = CSV_FILES if is_table else (".npy",)
    if is_table and is_masked:
        raise UsageError(
            "--mask is for arrays and images, and tables have empty cells."
        )
    is_pictured = is_masked and is_pictures(data)
    if data.suffix.lower() not in expected and not is_pictured:
        images = "" if is_table else ", or with --mask images,"
        raise UsageError(
            f"{own.name} fills in {' or '.join(expected)} files{images} of "
            f"{own.inputs!s:.60}, received {str(data)!r}."
        )
    if is_table:
        return _fill_table(source, own, data, out, seed)
    if takes_labels(own) and labels is None:
        what = "--labels" if num_classes(own.condition) else "keras_gen.impute"
        raise UsageError(
            f"{own.name} is conditioned on {own.condition}, which {data.name} does not "
            f"hold. Choose it by {what}."
        )
    if own.condition is None and labels is not None:
        raise UsageError(f"{own.name} has no classes: leave out --labels.")
    x, names = _pictures(data, own) if is_pictured else (_read_array(data), [])
    missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
    if mask is not None:
        missing |= _mask(mask, own, x)
        known = own.inputs.check(np.where(missing, x.dtype.type(0), x), str(data))
        known = own.inputs.as_input(tf.constant(known)).numpy()  # floats hold NaN
        x = np.where(missing, np.nan, known)
    condition = None if labels is None else np.resize(np.array(labels), len(x))
    made = fill(own, x, condition=condition, seed=seed)
    if names:
        _write_pictures(out, names, made)
    else:
        write_array(out, made)
    return _counted(missing)


def _mask(path: Path, model: "GenerativeModel", x: np.ndarray) -> np.ndarray:
    """Which values of examples a file wants to be filled in."""
    from keras_gen.capabilities import check_mask

    if path.suffix.lower() == ".npy":
        found = _read_array(path)
    else:
        from PIL import Image

        try:
            with Image.open(path) as image:
                found = np.asarray(image.convert("L")) > HALF
        except Exception as error:  # Pillow raises many types
            reason = f"{path} cannot be decoded as an image: {error}"
            raise ValueError(reason) from error
    try:
        return check_mask(found, model.inputs, len(x)) > 0
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _fill_table(
    source: str | Path, model: "GenerativeModel", path: Path, out: Path, seed: int
) -> tuple[int, int]:
    """`impute` of a CSV file."""
    from keras_gen.imputing import impute as fill

    pandas, spec = package("pandas", "impute"), cast("Columns", model.inputs)
    run = Path(source)
    settings = store.settings_of(run) if (run / store.RECIPE).exists() else {}
    frame = read_csv(path, texts_of(settings.get(store.COLUMNS), spec))
    how = {"sep": check_rows(path), "encoding": "utf-8-sig"}
    texts = pandas.read_csv(path, **how, dtype=str, keep_default_na=False)
    try:
        condition = _condition_of(source, model, frame)
        filled = fill(model, frame, condition=condition, seed=seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    missing = frame[list(spec.names)].isna()
    for column in spec.columns:
        name, absent = column.name, missing[column.name].to_numpy()
        if absent.any():
            cells = (table.loc[~absent, name] for table in (frame, texts))
            known = dict(zip(*cells, strict=True))
            made = _as_texts(column, filled.loc[absent, name], known)
            texts.loc[absent, name] = made
    with whole_file(out) as temporary:
        texts.to_csv(temporary, sep=how["sep"], index=False)
    return _counted(missing.to_numpy())


def _counted(missing: np.ndarray) -> tuple[int, int]:
    """The number of missing values, and of rows that have any."""
    by_row = missing.reshape((len(missing), -1)).sum(axis=1)
    return int(by_row.sum()), int((by_row > 0).sum())


def _condition_of(
    source: str | Path, model: "GenerativeModel", frame: Any
) -> np.ndarray | None:
    """The classes of a table's rows, by the column that the run is conditioned on."""
    if not takes_labels(model):
        return None
    settings = store.settings_of(Path(source))
    target, names = target_of(settings), settings.get(store.NAMES, [])
    if target is None or target not in frame.columns:
        raise ValueError(f"the table must have the column {target!r}, the condition.")
    values = frame[target].astype(str).to_numpy(object)
    return as_codes(values, names, f"column {target!r}").astype(np.int32)


def _as_texts(column: "Column", values: Any, known: dict[Any, str]) -> list[str]:
    """Values as they are written to a CSV file.

    Dates are as in ISO 8601, float32 numbers have their digits, and values that the
    file has are spelled as there, such as "true".

    Args:
        column: The column.
        values: A pandas Series.
        known: How the file spells its values.
    """
    from keras_gen.specs import Date

    if isinstance(column, Date):
        written = "%Y-%m-%d" + " %H:%M:%S" * (column.unit == "s")
        dates = package("pandas", "impute").to_datetime(values)
        return dates.dt.strftime(written).tolist()
    if values.dtype.kind != "f":
        return [known.get(value, str(value)) for value in values.tolist()]
    return [
        str(np.float32(v)) if np.float32(v) == v else repr(v) for v in values.tolist()
    ]


def interpolate(
    source: str | Path,
    out: Path,
    *,
    num: int = 8,
    steps: int = 8,
    data: str | Path | None = None,
) -> None:
    """Writes decoded points on straight lines between the codes of held-out examples.

    Args:
        source: A run folder, or the name of a recipe with pretrained weights.
        out: A picture, one line of examples per row, or an array `(num, steps, ...)`,
            or for texts a `.txt` file, with dashes between two lines of texts.
        num: Number of lines.
        steps: Points per line, both ends included, >= 2.
        data: Data set or path. Default: the data of the run or recipe.

    Raises:
        UsageError: If the model does not encode, or if there are too few examples.
    """
    from keras_gen.capabilities import Encodes

    model = store.load(source)
    if not isinstance(model, Encodes):
        raise UsageError(f"{model.name} has no codes to interpolate.")
    own: Any = model
    split = data_of(source, own, data).test
    if 2 * num > len(split):
        raise UsageError(f"--num must be at most {len(split) // 2}, received {num}.")
    is_text = isinstance(split, TokenSplit)
    if is_text:
        x = split.head(2 * num)
        condition = split.labels if takes_labels(own) else None
    else:
        [(x, condition), *_] = _parts(own, split.subset(np.arange(2 * num)))
    given = {} if condition is None else {"condition": condition[:num]}
    made = own.interpolate(x[:num], x[num:], steps, **given)
    if is_text:
        _write_lines(out, own, made)
    else:
        _write(out, own, made, columns=steps)


def restore(
    source: str | Path,
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    translates: bool = False,
) -> int:
    """Writes clean examples for noisy, small or otherwise corrupted ones.

    Args:
        source: A run of a model that restores, of a diffusion model of images, or of an
            autoencoder that was trained with a corruption.
        data: An `.npy` array of examples, an image, or a folder of images. Images of
            another size than the model takes are cropped and resized, with a warning.
        out: The picture or array to write, or for images a new folder: a `.png` for
            each, with the name of its file.
        seed: Seed of the draws of a model that restores.
        translates: Whether the model must translate images of another kind.

    Returns:
        The number of examples.

    Raises:
        UsageError: If the model does not restore, or translate.
        ValueError: If the examples do not fit the model.
    """
    from keras_gen.capabilities import can_translate, translates_condition
    from keras_gen.models import Autoencoder, Diffusion

    model = store.load(source)
    if translates and not translates_condition(model):
        raise UsageError(
            f"{model.name} does not translate images: that takes a run of the presets "
            "pix2pix, cycle_gan, or diffusion of pairs."
        )
    is_corrupted = isinstance(model, Autoencoder) and model.corruption is not None
    is_known = can_translate(model) or isinstance(model, Diffusion)
    if not is_known and not is_corrupted:
        raise UsageError(
            f"{model.name} does not restore: that takes a Restorer, a diffusion model "
            "of images, or an autoencoder that was trained with a corruption."
        )
    x, names = _pictures(data, model) if is_pictures(data) else (_read_array(data), ())
    if can_translate(model):
        made = model.translate(x, seed=seed)
    elif isinstance(model, Diffusion):
        made = model.denoise(x)
    else:
        made = model.reconstruct(x)
    if out.suffix:
        _write(out, model, np.asarray(made))
    else:
        _write_pictures(out, names, np.asarray(made))
    return len(made)


def _write_pictures(out: Path, names: Sequence[str], images: np.ndarray) -> None:
    """Writes one image as a `.png`, or all of them into a new folder."""
    if out.suffix:
        with whole_file(out) as temporary, temporary.open("wb") as file:
            save_image(file, images[0])
        return
    with whole_folder(out) as folder:
        for name, image in zip(names, images, strict=True):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(path, image)


def _pictures(data: Path, model: Any) -> tuple[np.ndarray, list[str]]:
    """Images as a model takes them, float32 in [0, 1], and the names of their files."""
    from keras_gen.capabilities import translates_condition
    from keras_gen.specs import Images

    if not isinstance(model.inputs, Images):
        raise UsageError(f"{data} holds images, {model.name} takes {model.inputs}.")
    corruption = getattr(model, "corruption", None)
    shape = model.inputs.shape
    if translates_condition(model):
        shape = model.source.shape
    shape = shape if corruption is None else corruption.shape_of(shape)
    if not data.is_dir():
        try:
            image = read_image(data, shape)
        except Exception as error:  # Pillow raises many types
            raise ValueError(
                f"{data} cannot be decoded as an image: {error}"
            ) from error
        return image[None].astype(np.float32) / 255, _png_names([Path(data.name)])
    found = read_folder(data, shape)
    for note in found.notes:
        warnings.warn(f"{data}: {note}.", stacklevel=3)
    splits = [s for s in (found.train, found.test, found.validation) if s is not None]
    paths = [Path(path) for split in splits for path in split.paths]
    names = _png_names([path.relative_to(data) for path in paths])
    return np.concatenate([split.head(len(split)) for split in splits]), names


def _png_names(paths: list[Path]) -> list[str]:
    """Names of pictures of files, such as a.png of a.jpg, or a.jpg.png beside a.png."""
    names = [path.with_suffix(".png") for path in paths]
    counts = Counter(names)
    return [
        f"{path}.png" if counts[name] > 1 else str(name)
        for path, name in zip(paths, names, strict=True)
    ]


def _read_array(path: Path) -> np.ndarray:
    """The array of an `.npy` file."""
    if path.suffix.lower() != ".npy":
        raise ValueError(f"{path} must be an .npy file.")
    return read_arrays(path)["x"]


def _write_lines(out: Path, model: Any, made: np.ndarray) -> None:
    """Writes tokens `(num, steps, length)`, or their texts."""
    from keras_gen.callbacks.sample_text import SEPARATOR

    if out.suffix == ".npy":
        write_array(out, made)
        return
    if out.suffix != ".txt" or model.tokenizer is None:
        suffixes = ".npy" if model.tokenizer is None else ".txt or .npy"
        raise UsageError(
            f"--out must end in {suffixes} for {model.name}, received {str(out)!r}."
        )
    lines = ["\n".join(model._writer.texts_of(tokens)) for tokens in made]
    store.write_text(out, SEPARATOR.join(lines) + "\n")


def _write(
    out: Path, model: "GenerativeModel", made: np.ndarray, columns: int | None = None
) -> None:
    """Writes an array, or draws its examples."""
    from keras_gen.pictures import is_drawable, save_samples

    if out.suffix == ".npy":
        write_array(out, made)
        return
    if out.suffix == ".txt":
        raise UsageError(f"--out must not be .txt, which is for texts: {model.name}.")
    if not is_drawable(model.inputs):
        raise UsageError(f"{model.inputs} cannot be drawn: --out must end in .npy.")
    rows = made.reshape((-1, *model.inputs.shape))
    with whole_file(out) as temporary:
        save_samples(temporary, model.inputs, rows, columns)


def write_scores(out: Path, found: Judged) -> None:
    """Writes the scores as CSV: row, file or line, class if known, score, flagged.

    After the file of a window come the place of its first value and, of a sound, its
    start in seconds. The beginning of a text comes last.
    """
    classes, begins = found.classes, found.beginnings
    with (
        whole_file(out) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        of_classes = [] if classes is None else ["class"]
        of_texts = [] if begins is None else ["text"]
        of_windows = [] if found.starts is None else ["start"]
        of_windows += ["seconds"] * bool(of_windows and found.rate)
        head = [found.unit, *of_windows, *of_classes]
        writer.writerow([*head, "score", "flagged", *of_texts])
        for i, name in enumerate(found.names):
            known = [] if classes is None else [classes[i]]
            text = [] if begins is None else [begins[i]]
            places: list[float] = []
            if found.starts is not None:
                start = int(found.starts[i])
                seconds = [round(start / found.rate, 6)] if found.rate else []
                places = [start, *seconds]
            score, flagged = float(found.scores[i]), int(found.flagged[i])
            writer.writerow([name, *places, *known, score, flagged, *text])


def print_judged(found: Judged) -> None:
    """Prints counts, the threshold and the area under the ROC."""
    from .printing import print_table, value_of

    count, total = int(found.flagged.sum()), len(found.scores)
    facts = [
        ("examples", f"{total:,}"),
        ("flagged", f"{count:,} ({count / total:.2%})"),
        ("threshold", f"{found.threshold:.6g}"),
        ("false alarms", f"{found.false_alarms:g} of {found.num_held_out:,} held-out"),
    ]
    if unknown := found.num_unknown:
        what = f"{unknown:,}, with a character that the model has no token for"
        facts.append(("infinite scores", what))
    for name, (some, of) in found.as_dict().get("flagged_of", {}).items():
        facts.append((f"flagged of {name}", f"{some:,} of {of:,} ({some / of:.2%})"))
    if found.auc is not None:
        facts.append(("ROC-AUC", value_of(found.auc.as_dict())))
    print_table(("fact", "value"), facts)
