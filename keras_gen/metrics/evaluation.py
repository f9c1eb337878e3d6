"""How good a model is on held-out examples: figures with their standard error."""

import math
from typing import Any

import keras

from ..capabilities import (
    Bounds,
    Generates,
    Likelihoods,
    Observes,
    Scores,
    Variational,
)
from ..model import GenerativeModel
from ..models import Autoencoder, Autoregressive, Classifier
from ..objectives import BinaryCrossEntropy
from ..random import row_seeds
from ..validation import check_labels, check_type
from .density import density_figures
from .estimate import Estimate, mean
from .extractors import Extractor
from .likelihood import nats, rate_distortion
from .samples import sample_figures
from .tokens import token_figures

DRAWS = 4  # noise levels per example in the bound of a diffusion model


def evaluate(
    model: keras.Model,
    x: Any,
    labels: Any = None,
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
        x: Held-out examples, `(n, *data_shape)`.
        labels: Integers, `(n,)`, for a class-conditional model.
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
        corruption. For a classifier: `accuracy`. For a model of tokens: those of
        `token_figures`. With an extractor, for a model that
        generates: the figures of `sample_figures`.
    """
    check_type(model, GenerativeModel, "model")
    figures = {}
    if isinstance(model, Autoregressive):
        figures |= token_figures(model, x, labels, given)
    elif isinstance(model, Scores):
        x, train = (_observed(model, values, seed) for values in (x, train))
        figures |= density_figures(model, x, labels, seed=seed)
    if isinstance(model, Bounds):
        figures |= _bounds(model, x, labels, seed, importance_samples)
    if isinstance(model, Likelihoods):
        figures |= _likelihoods(model, x, labels, seed, levels)
    if isinstance(model, Variational):
        figures |= _latent(model, x, labels, seed)
    if isinstance(model, Autoencoder):
        figures |= _reconstruction(model, x, seed)
    if isinstance(model, Classifier):
        labels = check_labels(labels, model.num_classes, len(x))
        right = model.classify(x) == labels
        figures["accuracy"] = mean(right, "share")
    if extractor is not None and isinstance(model, Generates) and model.can_generate:
        options = {"train": train, "num_samples": num_samples, "seed": seed}
        options |= {"modes": modes, "stddev": stddev}
        figures |= sample_figures(model, x, labels, extractor=extractor, **options)
    return figures


def _observed(model: Scores, x: Any, seed: int) -> Any:
    """The examples as the model observes them, as its samples are."""
    if x is None or not isinstance(model, Observes) or model.observation is None:
        return x
    return model.run(model.observe, x=x, seed=row_seeds(seed, len(x)))


def _bounds(
    model: Bounds, x: Any, labels: Any, seed: int, importance_samples: int
) -> dict[str, Estimate]:
    found = model.importance_sampling(x, importance_samples, labels, seed=seed)
    return {
        "elbo": nats(model.elbo(x, labels=labels, seed=seed)),
        "importance_log_prob": nats(found.log_prob),
        "effective_sample_size": mean(found.effective_sample_size, "samples"),
    }


def _likelihoods(
    model: Likelihoods, x: Any, labels: Any, seed: int, levels: int
) -> dict[str, Estimate]:
    if not model.unit_interval:
        return {"log_prob": nats(model.log_prob(x, labels, seed=seed))}
    bound = model.elbo(x, labels, seed=seed, num_draws=DRAWS, levels=levels)
    bits = -bound / (math.prod(model.data_shape) * math.log(2))
    return {"elbo": nats(bound), "bits_per_dim": mean(bits, "bits per dimension")}


def _latent(model: Variational, x: Any, labels: Any, seed: int) -> dict[str, Estimate]:
    rate, distortion = rate_distortion(model, x, labels, seed=seed)
    units = model.active_units(x, labels)
    return {
        "rate": rate,
        "distortion": distortion,
        "active_units": Estimate(units, None, "dimensions", len(x)),
    }


def _reconstruction(model: Autoencoder, x: Any, seed: int) -> dict[str, Estimate]:
    cross_entropy = isinstance(model.reconstruction, BinaryCrossEntropy)
    unit = "nats" if cross_entropy else "squared data units"
    figures = {"reconstruction_error": mean(model.reconstruction_error(x), unit)}
    if model.corruption is not None:
        error = model.denoising_error(x, seed=seed)
        figures["denoising_error"] = mean(error, unit)
    return figures
