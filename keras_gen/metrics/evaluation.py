"""How good a model is on held-out examples: figures with their standard error."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..capabilities import Bounds, Denoises, Generates, Scores, Translates
from ..engine.examples import require_condition
from ..model import GenerativeModel
from ..models import Autoencoder, Autoregressive, Classifier
from ..objectives import BinaryCrossEntropy, MixedError
from ..random import row_seeds
from ..rows import RowRunner
from ..specs import SEEDS
from ..validation import check_type
from .density import density_figures
from .estimate import Estimate, mean
from .extractors import Extractor
from .likelihood import nats, rate_distortion
from .samples import sample_figures
from .similarity import ssim
from .tokens import token_figures

DRAWS = 4  # noise levels per example in the bound of a diffusion model


def evaluate(
    model: keras.Model,
    x: Any,
    condition: Any = None,
    *,
    seed: int = 0,
    importance_samples: int = 100,
    extractor: Extractor | None = None,
    train: Any = None,
    num_samples: int | None = None,
    modes: Any = None,
    stddev: float | None = None,
    levels: int = 256,
    given: int = 0,
) -> dict[str, Estimate]:
    """Figures of a model on held-out examples.

    Args:
        model: A trained model.
        x: Held-out examples, `(n, *inputs.shape)`.
        condition: As the model's `condition` says, one row per example.
        seed: Decides the noise of the bounds, and the samples.
        importance_samples: Samples per example of `importance_log_prob`.
        extractor: Features in which samples are compared with `x`; without it, none
            are drawn.
        train: Training examples, for the references of the figures of samples.
        num_samples: Number of samples; default n.
        modes: Centers of the modes of the data, `(k, d)`, for the figures of samples.
        stddev: Standard deviation of a mode, given with `modes`.
        levels: Number of grey values of images, for a diffusion model's bounds.
        given: How many tokens at the beginning of a row are not predicted; see
            `token_figures`.

    Returns:
        For a model with a density: `log_prob` (nats), of binarized examples if it
        explains those; of grey levels `bits_per_dim` too, of a flow both of the bound,
        and `logit_log_prob` if it begins with `Logit`. For a model that bounds
        the likelihood: `elbo` and `importance_log_prob`
        (nats), `effective_sample_size`; for a VAE also `rate`, `distortion`
        and `active_units`. For a diffusion model of vectors `log_prob`, of images the
        bounds `elbo` and `bits_per_dim`. For an autoencoder:
        `reconstruction_error`, and `denoising_error` if it was trained against
        corruption. For a model that translates its condition, of pairs: the mean
        `absolute_error` of a translation, and `ssim` of images. For a classifier:
        `accuracy`. For a model of tokens: those of
        `token_figures`. With an extractor, for a model that
        generates: the figures of `sample_figures`.
    """
    check_type(model, GenerativeModel, "model")
    figures = {}
    if isinstance(model, Autoregressive):
        figures |= token_figures(model, x, condition, given)
    elif isinstance(model, Scores) and not isinstance(model, Denoises):
        x, train = (_observed(model, values, seed) for values in (x, train))
        figures |= density_figures(model, x, condition, seed=seed)
    if isinstance(model, Bounds):
        figures |= _bounds(model, x, condition, seed, importance_samples)
        figures |= _latent(model, x, condition, seed)
    if isinstance(model, Denoises) and isinstance(model, Scores):
        figures |= _likelihoods(model, x, condition, seed, levels)
    if isinstance(model, Autoencoder):
        figures |= _reconstruction(model, x, seed)
    if isinstance(model, Translates) and model.source == model.condition:
        if condition is not None:
            figures |= _translation(model, x, condition, seed)
    if isinstance(model, Classifier):
        require_condition(model.condition, condition)
        labels = model.condition.check(condition, "condition", rows=len(x))
        right = model.classify(x) == labels
        figures["accuracy"] = mean(right, "share")
    if extractor is not None and isinstance(model, Generates) and model.can_generate:
        options = {"train": train, "num_samples": num_samples, "seed": seed}
        options |= {"modes": modes, "stddev": stddev}
        figures |= sample_figures(model, x, condition, extractor=extractor, **options)
    return figures


def _observed(model: Any, x: Any, seed: int) -> Any:
    """The examples as the model observes them, as its samples are."""
    if x is None or getattr(model, "observation", None) is None:
        return x
    given = {"x": (x, model.inputs), "seed": (row_seeds(seed, len(x)), SEEDS)}
    return RowRunner(model).run(model.observe, given)


def _bounds(
    model: Bounds, x: Any, condition: Any, seed: int, importance_samples: int
) -> dict[str, Estimate]:
    told = {"condition": condition, "seed": seed}
    found = model.importance_sampling(x, importance_samples, **told)
    return {
        "elbo": nats(model.elbo(x, **told)),
        "importance_log_prob": nats(found.log_prob),
        "effective_sample_size": mean(found.effective_sample_size, "samples"),
    }


def _likelihoods(
    model: Any, x: Any, condition: Any, seed: int, levels: int
) -> dict[str, Estimate]:
    told = {"condition": condition, "seed": seed}
    if not model.inputs.is_unit:
        return {"log_prob": nats(model.log_prob(x, **told))}
    bound = model.elbo(x, **told, num_draws=DRAWS, levels=levels)
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
    """How far translations of the condition are from the examples beside it."""
    x = model.inputs.as_input(tf.constant(model.inputs.check(x, "x"))).numpy()
    made = model.translate(condition, seed=seed)
    errors = np.abs(made - x).reshape((len(x), -1)).mean(axis=-1)
    figures = {"absolute_error": mean(errors, "data units")}
    if model.inputs.is_picture:
        figures["ssim"] = mean(ssim(x, made), "index")
    return figures


def _reconstruction(model: Autoencoder, x: Any, seed: int) -> dict[str, Estimate]:
    in_nats = isinstance(model.reconstruction, BinaryCrossEntropy | MixedError)
    unit = "nats" if in_nats else "squared data units"
    figures = {"reconstruction_error": mean(model.reconstruction_error(x), unit)}
    if model.corruption is not None:
        error = model.denoising_error(x, seed=seed)
        figures["denoising_error"] = mean(error, unit)
    return figures
