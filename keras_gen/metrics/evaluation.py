"""Evaluation of a model on held-out examples, with standard errors."""

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..capabilities import (
    Bounds,
    Classifies,
    Completes,
    Denoises,
    Encodes,
    Generates,
    Scores,
    can_generate,
    translates_condition,
)
from ..engine.examples import Unpaired, require_condition
from ..model import GenerativeModel
from ..models import Autoencoder, Autoregressive
from ..objectives import BinaryCrossEntropy, MixedError
from ..random import row_seeds
from ..rows import RowRunner
from ..specs import SEEDS, Classes, Codes, Floats, num_classes
from ..validation import check_type
from .codes import code_figures
from .density import density_figures
from .estimate import Estimate, mean
from .extractors import Extractor
from .features import frechet_distance
from .likelihood import nats, rate_distortion
from .samples import sample_figures
from .similarity import ssim
from .tokens import text_agreement, token_figures

NO_FIGURES = "evaluate found no figures"
DRAWS = 4  # noise levels per example in the bound of a diffusion model
LARGEST_DENSITY = 128  # values of an example whose density takes a gradient for each


def evaluate(
    model: keras.Model,
    x: Any,
    condition: Any = None,
    *,
    seed: int = 0,
    importance_samples: int = 100,
    extractor: Extractor | None = None,
    train: Any = None,
    train_condition: Any = None,
    num_samples: int | None = None,
    modes: Any = None,
    stddev: float | None = None,
    target: str | None = None,
    levels: int = 256,
    given: int = 0,
) -> dict[str, Estimate]:
    """Evaluates a model on held-out examples.

    Args:
        model: A trained model.
        x: Held-out examples, `(n, *inputs.shape)`, or a table of `specs.Columns`.
        condition: Rows of the model's `condition` spec, one per example. A model that
            translates requires the examples whose translations are compared with `x`.
        seed: Seed of the noise of bounds, and of samples.
        importance_samples: Samples per example for `importance_log_prob`.
        extractor: The extractor of the features in which samples are compared with `x`.
            Without it, no samples are drawn.
        train: Training examples, for the references of the figures of samples.
        train_condition: Their condition, for a table without a target, and for texts.
        num_samples: Number of samples. The default is n.
        modes: Centers of the modes of the data, `(k, d)`, for the figures of samples.
        stddev: Standard deviation of a mode, given with `modes`.
        target: A column of a table, for `prediction_score`. None means the classes of a
            class-conditional model.
        levels: Number of grey values of images, for a diffusion model's bounds.
        given: Number of tokens at the beginning of a row that are not predicted; see
            `token_figures`.

    Returns:
        Estimates by name, which depend on the model:

        - With a density: `log_prob` (nats), of binarized examples if the model explains
          those, and `bits_per_dim` for grey levels. For a flow with a dequantization
          both are bounds, and there is `logit_log_prob` if it begins with `Logit`.
        - With a bound of the likelihood: `elbo` and `importance_log_prob` (nats) and
          `effective_sample_size`; for a VAE also `rate`, `distortion` and
          `active_units`.
        - Diffusion: `log_prob` for vectors and series of at most 128 values, otherwise
          the bound `elbo`, for images `bits_per_dim` too.
        - Autoencoder: `reconstruction_error`, and `denoising_error` with a corruption.
        - With codes as latent values: the figures of `code_figures`,
          `reconstruction_error` as below, and for a `Latent` whose parts have densities
          the bounds `elbo` (nats) and `bits_per_dim`.
        - Own models that encode, without a density: `reconstruction_error`, the mean
          absolute error of values in units of the data.
        - Translation of pairs: the mean `absolute_error`, and `ssim` for images. The
          references are those of the untranslated images, if both are of one size. They
          have no meaning for two sets without pairs, so `Unpaired` is rejected.
        - Models that classify, of labels as condition: `accuracy`.
        - Tokens: the figures of `token_figures`; with classes and training texts also
          `label_agreement`, see `text_agreement`.
        - With an extractor, if the model generates: the figures of `sample_figures`.

    Raises:
        TypeError: If `model` is not a `GenerativeModel`.
        ValueError: If `x` is `Unpaired`, if a condition is missing, or if values do not
            fit the model.

    Warns:
        UserWarning: If there are no figures, for example of a GAN without an extractor.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,), seed=0)
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> list(kg.metrics.evaluate(model, x))
        ['log_prob']
    """
    check_type(model, GenerativeModel, "model")
    if isinstance(x, Unpaired):
        raise ValueError(
            "x must be arrays of pairs, with the examples to translate as condition, "
            "received Unpaired: errors of translations have no meaning without pairs. "
            f"{model.name}.evaluate(x) gives the loss terms."
        )
    x = model.inputs.as_rows(x, "x")
    train = None if train is None else model.inputs.as_rows(train, "train")
    figures = {}
    if isinstance(model, Autoregressive):
        figures |= token_figures(model, x, condition, given)
    elif isinstance(model, Scores) and not isinstance(model, Denoises):
        x, train = (observed(model, values, seed) for values in (x, train))
        figures |= density_figures(model, x, condition, seed=seed)
    if isinstance(model, Bounds):
        figures |= _bounds(model, x, condition, seed, importance_samples)
        figures |= _latent(model, x, condition, seed)
    if isinstance(model, Completes) and num_classes(model.condition) is not None:
        known = (condition, train, train_condition)
        is_known = all(part is not None for part in known)
        if is_known and len(np.unique(train_condition)) > 1:
            agreement = text_agreement(model, x, *known, seed=seed)
            figures["label_agreement"] = agreement
    if isinstance(model, Denoises) and isinstance(model, Scores):
        figures |= _likelihoods(model, x, condition, seed, levels)
    has_codes = isinstance(model, Encodes) and isinstance(model.latent, Codes)
    if has_codes:
        figures |= code_figures(model, x)
    if isinstance(model, Autoencoder):
        figures |= _reconstruction(model, x, seed)
    elif isinstance(model, Encodes) and (
        has_codes or not isinstance(model, Scores | Bounds)
    ):
        if isinstance(model.inputs, Floats) and not model.inputs.has_levels:
            figures |= _own_reconstruction(model, x, condition)
    if translates_condition(model):
        if condition is None:
            raise ValueError(
                f"condition is missing: {model.name} translates. Pass the examples of "
                f"{model.source} whose translations are compared with x."
            )
        if model.paired:
            figures |= _translation(model, x, condition, seed)
        elif extractor is not None:
            figures |= _unpaired(model, x, condition, extractor)
    if isinstance(model, Classifies) and isinstance(model.condition, Classes):
        require_condition(model.condition, condition)
        labels = model.condition.check(condition, "condition", rows=len(x))
        right = model.classify(x) == labels
        figures["accuracy"] = mean(right, "share")
    if extractor is not None and can_generate(model):
        options = {"train": train, "num_samples": num_samples, "seed": seed}
        options |= {"modes": modes, "stddev": stddev}
        options |= {"target": target, "train_condition": train_condition}
        figures |= sample_figures(model, x, condition, extractor=extractor, **options)
    if not figures:
        cure = " Pass extractor= to compare samples." * isinstance(model, Generates)
        warnings.warn(f"{NO_FIGURES} of {model.name}.{cure}", stacklevel=2)
    return figures


def observed(model: Any, x: Any, seed: int) -> Any:
    """The examples as the model observes them, like its samples; None for None."""
    if x is None or getattr(model, "observation", None) is None:
        return x
    given = {"x": (x, model.inputs), "seed": (row_seeds(seed, len(x)), SEEDS)}
    return RowRunner(model).run(model.observe, given)


def _bounds(
    model: Bounds, x: Any, condition: Any, seed: int, importance_samples: int
) -> dict[str, Estimate]:
    given = {"condition": condition, "seed": seed}
    found = model.importance_sampling(x, importance_samples, **given)
    return {
        "elbo": nats(model.elbo(x, **given)),
        "importance_log_prob": nats(found.log_prob),
        "effective_sample_size": mean(found.effective_sample_size, "samples"),
    }


def _likelihoods(
    model: Any, x: Any, condition: Any, seed: int, levels: int
) -> dict[str, Estimate]:
    given = {"condition": condition, "seed": seed}
    if not model.inputs.is_unit and model.inputs.size <= LARGEST_DENSITY:
        return {"log_prob": nats(model.log_prob(x, **given))}
    bound = model.elbo(x, **given, num_draws=DRAWS, levels=levels)
    if not model.inputs.is_unit:
        return {"elbo": nats(bound)}
    bits = mean(model.inputs.bits(-bound), "bits per dimension")
    return {"elbo": nats(bound), "bits_per_dim": bits}


def _latent(model: Any, x: Any, condition: Any, seed: int) -> dict[str, Estimate]:
    rate, distortion = rate_distortion(model, x, condition, seed=seed)
    given = {} if condition is None else {"condition": condition}
    units = model.active_units(x, **given)
    return {
        "rate": rate,
        "distortion": distortion,
        "active_units": Estimate(units, None, "dimensions", len(x)),
    }


def _translation(model: Any, x: Any, condition: Any, seed: int) -> dict[str, Estimate]:
    """The errors of translations of the condition, compared with the examples.

    The references are those of the untranslated images.
    """
    figures = _distances(model, x, model.translate(condition, seed=seed))
    if model.source != model.inputs:
        return figures
    same = _distances(model, x, _in_units(model.source, condition))
    return {k: v._replace(reference=same[k].value) for k, v in figures.items()}


def _distances(model: Any, x: Any, made: np.ndarray) -> dict[str, Estimate]:
    """The mean absolute error of what was made of examples, and `ssim` of images."""
    x, error = _absolute_error(model, x, made)
    figures = {"absolute_error": error}
    if model.inputs.is_picture:
        figures["ssim"] = mean(ssim(x, made), "index")
    return figures


def _in_units(spec: Any, x: Any) -> np.ndarray:
    """Rows of a spec in units of the data."""
    return spec.as_input(tf.constant(spec.check(x, "x"))).numpy()


def _unpaired(
    model: Any, x: Any, condition: Any, extractor: Extractor
) -> dict[str, Estimate]:
    """How near translations of the condition are to the examples, as a set.

    The reference is that of the untranslated images. `cycle_error` is the mean absolute
    error of images that are translated and back.
    """
    made, extractor = model.translate(condition), extractor.fitted(x)
    name = extractor.name
    real = extractor(x).values
    distance = frechet_distance(real, extractor(made).values, extractor=name)
    if model.source == model.inputs:
        without = extractor(condition).values
        same = frechet_distance(real, without, extractor=name).value
        distance = distance._replace(reference=same)
    figures = {"frechet_distance": distance}
    if hasattr(model, "translate_back"):
        units = _in_units(model.source, condition)
        errors = np.abs(np.asarray(model.translate_back(made)) - units)
        errors = errors.reshape((len(errors), -1)).mean(axis=-1)
        figures["cycle_error"] = mean(errors, "data units")
    return figures


def _own_reconstruction(model: Any, x: Any, condition: Any) -> dict[str, Estimate]:
    """The error of reconstructions of a model that only encodes and decodes."""
    given = {} if condition is None else {"condition": condition}
    made = model.reconstruct(model.inputs.check(x, "x"), **given)
    return {"reconstruction_error": _absolute_error(model, x, made)[1]}


def _absolute_error(model: Any, x: Any, made: Any) -> tuple[np.ndarray, Estimate]:
    """The examples in units of the data, and the error of what was made of them."""
    x = _in_units(model.inputs, x)
    errors = np.abs(made - x).reshape((len(x), -1)).mean(axis=-1)
    return x, mean(errors, "data units")


def _reconstruction(model: Autoencoder, x: Any, seed: int) -> dict[str, Estimate]:
    in_nats = isinstance(model.reconstruction, BinaryCrossEntropy | MixedError)
    unit = "nats" if in_nats else "squared data units"
    figures = {"reconstruction_error": mean(model.reconstruction_error(x), unit)}
    if model.corruption is not None:
        error = model.denoising_error(x, seed=seed)
        figures["denoising_error"] = mean(error, unit)
    return figures
