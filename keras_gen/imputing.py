"""Filling in missing values, with any model that inpaints."""

from typing import Any, cast

import numpy as np

from . import frames
from .capabilities import Denoises, Inpaints
from .engine.examples import require_condition
from .extras import package
from .random import row_seeds
from .samplers import RePaint
from .specs import Columns, Spec
from .validation import check_shape, refuse_masked

STEPS = 50  # of a diffusion model
ATTEMPTS = 50


def impute(
    model: Any, x: Any, *, condition: Any = None, seed: int | None = None, **how: Any
) -> Any:
    """Draws the missing values of examples, given the known ones.

    Values are drawn from the model's p(missing | known), not averaged: repeat the call
    with other seeds to see how sure the model is. Known values are returned exactly as
    they are.

    Args:
        model: A model with `inpaint`, such as a `VAE`, a `Flow` or a `Diffusion`.
        x: A table of the model's `Columns`, with missing values as pandas knows them:
            NaN, None, NaT. Further columns stay as they are. Or an array `(n,
            *inputs.shape)` in which NaN is missing.
        condition: Rows of the model's `condition` spec, one per example, or one for
            all.
        seed: Decides what is filled in. None draws a seed.
        **how: Further arguments of `inpaint`, such as `num_steps` of a VAE or flow. A
            diffusion model has `sampling`; its default is `samplers.RePaint()` with 50
            steps, since other solvers let the filled values follow the known ones too
            little.

    Returns:
        A DataFrame, or an array, of the same rows without missing values. Columns have
        the dtype of the values of their spec: integers that pandas had to hold as
        floats become int64 again.

    Raises:
        ImportError: If a table is given and pandas is not installed.
        TypeError: If the model cannot inpaint.
        ValueError: If values do not fit the spec, or if a column is missing.

    References:
        Rubin, "Multiple imputation for nonresponse in surveys", 1987.

    Example:
        >>> model = kg.VAE(*kg.networks.mlp_vae((2,), 1, units=(8,)), seed=0)
        >>> x = np.array([[1.0, np.nan], [2.0, 3.0]])
        >>> filled = kg.impute(model, x, seed=0)
        >>> filled[:, 0], bool(np.isnan(filled).any())
        (array([1., 2.]), False)
    """
    if not isinstance(model, Inpaints):
        raise TypeError(
            "model must have inpaint, as VAE, Flow and Diffusion do, received "
            f"{type(model).__name__}."
        )
    own = getattr(model, "prior", model)  # of a `Latent`
    if isinstance(own, Denoises):
        usual = cast(Any, own).sampling.changed(solver=RePaint(), num_steps=STEPS)
        how = {"sampling": usual, **how}
    how = {"condition": condition, "seed": seed, **how}
    if isinstance(model.inputs, Columns) and frames.is_frame(x):
        return _table(model, model.inputs, x, how)
    refuse_masked(x, "x")
    x = np.asarray(x)
    check_shape(x.shape, model.inputs.shape, name="x")
    missing = _absent(model.inputs, x)
    if not missing.any():
        return x.copy()
    any_value = model.inputs.stand_in(1)[0].astype(x.dtype)
    made = _filled(model, np.where(missing, any_value, x), missing, how)
    return np.where(missing, made, x).astype(x.dtype)


def _absent(spec: Spec, x: np.ndarray) -> np.ndarray:
    """Which values are missing: NaN, or the code of None in a column of a table."""
    missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
    for i, column in enumerate(spec.columns) if isinstance(spec, Columns) else ():
        if None in column.values:
            missing[:, i] |= x[:, i] == column.values.index(None)
    return missing


def _filled(model: Any, x: Any, missing: np.ndarray, how: dict[str, Any]) -> np.ndarray:
    """All rows, with the missing values drawn.

    A model that was trained on missing values may draw that a value is missing. It is
    then drawn again, given the values that were drawn.
    """
    filled, missing = np.array(model.inputs.check(x, "x")), missing.copy()
    condition, seed = how.pop("condition"), how.pop("seed")
    if model.condition is not None:
        require_condition(model.condition, condition)
        condition = model.condition.for_all(condition, len(filled))
        condition = model.condition.check(condition, "condition", rows=len(filled))
    seed = int(row_seeds(seed, 1)[0])
    for attempt in range(ATTEMPTS):
        rows = np.flatnonzero(missing.any(axis=tuple(range(1, missing.ndim))))
        if not len(rows):
            return filled
        known = None if condition is None else condition[rows]
        given = {"condition": known, "seed": seed + attempt, **how}
        made = model.inpaint(filled[rows], missing[rows], **given)
        found = missing[rows] & ~_absent(model.inputs, made)
        filled[rows] = np.where(found, made, filled[rows])
        missing[rows] &= ~found
    names = getattr(model.inputs, "names", ())
    absent = [names[i] for i in np.flatnonzero(missing.any(axis=0))]
    raise ValueError(
        f"x: the columns {frames.listed(absent)} stay incomplete after {ATTEMPTS} "
        "draws: they are missing in nearly all training rows. Drop these columns."
    )


def _table(model: Any, spec: Columns, x: Any, how: dict[str, Any]) -> Any:
    """`impute` of a table."""
    pandas = package("pandas", "impute")
    frame = x if isinstance(x, pandas.DataFrame) else pandas.DataFrame(x)
    names = list(spec.names)
    if absent := [name for name in names if name not in frame.columns]:
        raise ValueError(
            f"x must have the columns {frames.listed(names)}, received a table without "
            f"{frames.listed(absent)}. Add a column of missing values to fill it in."
        )
    frame, known = frame.copy(), frame[names]
    missing = known.isna().to_numpy()
    if not missing.any():
        return frame
    any_row = spec.to_frame(spec.stand_in(1)).iloc[0]
    allowed = {
        name: _replaced(known[name], missing[:, i], [any_row[name]] * len(known))
        for i, name in enumerate(names)
    }
    made = spec.to_frame(_filled(model, allowed, missing, how))
    for i, name in enumerate(names):
        if missing[:, i].any():
            values = made[name].to_numpy(object)
            filled = _replaced(known[name], missing[:, i], values)
            frame[name] = filled.astype(_dtype(known[name], made[name]))
    return frame


def _replaced(column: Any, missing: np.ndarray, values: Any) -> Any:
    """A column of objects, in which `values` replace those that are missing."""
    column = column.astype(object)
    column[missing] = np.asarray(values, object)[missing]
    return column


def _dtype(column: Any, made: Any) -> Any:
    """The dtype of a column without missing values."""
    is_float = column.dtype.kind == "f"
    stays = made.dtype.kind == "f" if is_float else column.dtype != object
    return column.dtype if stays else made.dtype
