"""The five tables of real measurements that are the usual benchmark of flows.

They are read from the folder that `KERAS_GEN_DATA` names, such as the folder `data` in
`data.tar.gz` of https://zenodo.org/records/1161203. They are prepared as in the paper's
code (https://github.com/gpapamak/maf), with the same features, noise, order, splits and
scale. `train` and `test` are the paper's. The rows between them, which the paper uses
for early stopping only, are in neither.

References:
    Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density
    estimation", 2017, appendix D.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from .embedded import Arrays, ArraySplit

ARCHIVE = "data.tar.gz of https://zenodo.org/records/1161203"
GAS_TEXT = "https://archive.ics.uci.edu/dataset/322"
FEATURES = {"bsds300": 63, "gas": 8, "hepmass": 21, "miniboone": 43, "power": 6}
MOST_REPEATS = 5  # of the smallest value of a feature of HEPMASS
MOST_CORRELATED = 0.98
HEPMASS_COLUMNS = range(28)  # class, 27 features; the test file has one more column
POWER_COLUMNS = 8
GAS_COLUMNS = 19  # time, two concentrations, 16 sensors

Parts = tuple[np.ndarray, np.ndarray]


def power() -> Parts:
    """Electric power of a household, minute by minute, in random order.

    `power/data.npy`, (n, 8): active and reactive power, voltage, current, three
    meters, time of day. Reactive power and current are dropped, and uniform noise fills
    the steps of the readings. Columns are scaled by the training and validation rows.
    """
    path = find_file("power/data.npy")
    random = np.random.RandomState(42)
    x = _load(path, POWER_COLUMNS)
    x = np.delete(x[random.permutation(len(x))], [1, 3], axis=1).astype(np.float64)
    x[:, 1] += 0.01 * random.rand(len(x))
    x[:, 0] += 0.001 * random.rand(len(x))
    x[:, 2:5] += random.rand(len(x), 3)
    fitted, test = _hold_out(x)
    return _scaled(_hold_out(fitted)[0], test, like=fitted)


def gas() -> Parts:
    """Readings of chemical sensors in a mixture of ethylene and carbon monoxide.

    `gas/ethylene_CO.npy` or `gas/ethylene_CO.txt`, (n, 19): time, two concentrations,
    16 sensors. Sensors are kept unless they correlate above 0.98 with a later one, and
    are scaled by all rows.

    The archive has the table as a pickle. A pickle could run code and is not read: save
    the table as `.npy` in a process that you trust. The text file is the original of
    the UCI repository. The pickle is a random quarter of it, so a quarter is drawn from
    the text too, with a fixed seed. Figures then agree up to the choice of rows.
    """
    hint = f"saved from ethylene_CO.pickle of the archive, or .txt of {GAS_TEXT}"
    path = find_file("gas/ethylene_CO.npy", "gas/ethylene_CO.txt", hint=hint)
    if path.suffix == ".npy":
        x = _load(path, GAS_COLUMNS)
    else:
        x = _text(path, usecols=range(GAS_COLUMNS))
        x = x[np.random.RandomState(0).permutation(len(x))[: round(len(x) / 4)]]
    x = x[:, 3:]
    x = x[:, _uncorrelated(x)]
    fitted, test = _hold_out(x)
    return _scaled(_hold_out(fitted)[0], test, like=x, ddof=1)


def hepmass() -> Parts:
    """Simulated collisions of particles, with a new particle of mass 1000.

    `hepmass/1000_train.csv` and `hepmass/1000_test.csv`: class, 27 features. Only class
    1 is kept. A feature is dropped if its smallest value occurs more than five times in
    the training file. Features are scaled by the training and validation rows. The
    archive's files are the first tenth of the files of the UCI repository.
    """
    paths = [find_file(f"hepmass/1000_{part}.csv") for part in ("train", "test")]
    tables = (_text(p, delimiter=",", usecols=HEPMASS_COLUMNS) for p in paths)
    fitted, test = (table[table[:, 0] == 1, 1:] for table in tables)
    repeats = (fitted == fitted.min(axis=0)).sum(axis=0)
    fitted, test = (part[:, repeats <= MOST_REPEATS] for part in (fitted, test))
    return _scaled(_hold_out(fitted)[0], test, like=fitted, ddof=1)


def miniboone() -> Parts:
    """Electron neutrinos of the MiniBooNE experiment.

    `miniboone/data.npy`, (n, 43), scaled by the training and validation rows. Outliers
    and seven features are already removed in the archive's file.
    """
    examples = _load(find_file("miniboone/data.npy"), FEATURES["miniboone"])
    fitted, test = _hold_out(examples)
    return _scaled(_hold_out(fitted)[0], test, like=fitted)


def bsds300() -> Parts:
    """Patches of 8x8 pixels of the Berkeley photographs, with their mean subtracted.

    `BSDS300/BSDS300.hdf5` has the arrays `train`, `validation` and `test`, (n, 63),
    which are used unchanged. The last pixel is minus the sum of the others.
    """
    import h5py

    path = find_file("BSDS300/BSDS300.hdf5")
    try:
        with h5py.File(path) as file:
            arrays = cast(Any, file)
            return arrays["train"][:], arrays["test"][:]
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def find_file(*names: str, hint: str = f"from {ARCHIVE}") -> Path:
    """The first file of these names in `KERAS_GEN_DATA`."""
    folder = os.environ.get("KERAS_GEN_DATA", "")
    paths = [Path(folder, name) for name in names if folder]
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{names[0]} is missing ({hint}): KERAS_GEN_DATA must name a folder that holds "
        f"it, received {folder!r}."
    )


def _load(path: Path, columns: int) -> np.ndarray:
    """The array of an `.npy`, (n, columns)."""
    from keras_gen.validation import check_shape

    try:
        x = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    check_shape(x.shape, (columns,), name=str(path))
    return x


def _text(path: Path, **options: Any) -> np.ndarray:
    """Numbers under one line of titles, float64, (n, columns)."""
    try:
        return np.loadtxt(path, skiprows=1, ndmin=2, **options)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _hold_out(x: np.ndarray) -> Parts:
    """All but the last tenth, and the last tenth, rounded down."""
    cut = len(x) - int(0.1 * len(x))
    return x[:cut], x[cut:]


def _scaled(*parts: np.ndarray, like: np.ndarray, ddof: int = 0) -> Parts:
    """Subtracts the mean of the rows `like` and divides by their deviation."""
    mean, stddev = like.mean(axis=0), like.std(axis=0, ddof=ddof)
    return tuple((part - mean) / stddev for part in parts)


def _uncorrelated(x: np.ndarray) -> np.ndarray:
    """The columns that remain if the first correlated one is removed repeatedly."""
    close = np.corrcoef(x, rowvar=False) > MOST_CORRELATED
    kept = np.arange(x.shape[1])
    while (correlated := close[np.ix_(kept, kept)].sum(axis=1) > 1).any():
        kept = np.delete(kept, correlated.argmax())
    return kept


def _read(prepare: Callable[[], Parts]) -> Arrays:
    """A table as float32, checked."""
    from keras_gen.validation import check_numbers

    name = prepare.__name__
    shape = (FEATURES[name],)
    splits = (
        ArraySplit(check_numbers(x, shape, name=f"{name}, {part},"), None)
        for part, x in zip(("train", "test"), prepare(), strict=True)
    )
    train, test = splits
    return train, test, ()


TABLES = {
    prepare.__name__: partial(_read, prepare)
    for prepare in (bsds300, gas, hepmass, miniboone, power)
}
