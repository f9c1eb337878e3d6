"""Anomaly detection: scores of examples, and a threshold at a rate of false alarms."""

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..capabilities import Bounds, Completes, Denoises, Encodes, Scores
from ..model import GenerativeModel
from ..models import Autoencoder
from ..specs import Floats
from ..validation import check_finite, check_type
from .evaluation import observed
from .representations import check_scores
from .tokens import IMPORTANCE_SAMPLES, text_scores

ROUNDING = 1e-9  # of a rate


class Detection(NamedTuple):
    """What `detect` found.

    Attributes:
        scores: Anomaly scores, `(n,)`.
        flagged: Which examples have a score above the threshold, `(n,)`.
        threshold: The threshold.

    Example:
        >>> scores = np.array([1.0, 9.0])
        >>> kg.metrics.Detection(scores, scores > 5.0, 5.0).flagged.tolist()
        [False, True]
    """

    scores: np.ndarray
    flagged: np.ndarray
    threshold: float


def anomaly_scores(
    model: Any, x: Any, condition: Any = None, *, seed: int = 0
) -> np.ndarray:
    """How unlike the training data examples are. Higher is more anomalous.

    The score is the negative log-likelihood of a model that has one, or its upper bound
    (a VAE: importance-sampled with 16 draws; diffusion of images: the bound in
    continuous time). For texts it is that of a token, since texts differ in length; see
    `text_scores`. For autoencoders it is the reconstruction error, and for your own
    models that encode and decode the mean absolute error.

    Likelihoods of images depend on how smooth an image is besides what it shows: smooth
    anomalies may score low. Compare several models on known anomalies.

    Args:
        model: A trained model with a likelihood, a bound or reconstructions.
        x: Examples, `(n, *inputs.shape)`, a table of `specs.Columns`, or texts.
        condition: Rows of the model's `condition` spec, one per example.
        seed: Seed of the draws of bounds.

    Returns:
        float64 `(n,)`, in nats, or in units of the error. Infinite outside the support
        of a density.

    Raises:
        TypeError: If the model has no such score.
        ValueError: If values do not fit the model.

    References:
        Ren et al., "Likelihood ratios for out-of-distribution detection", 2019, on
        smooth images.
    """
    check_type(model, GenerativeModel, "model")
    own: Any = model
    if isinstance(model, Completes) and isinstance(model, Scores | Bounds):
        return text_scores(model, x, condition, seed=seed)
    x = model.inputs.as_rows(x, "x")
    given = {} if condition is None else {"condition": condition}
    if isinstance(model, Autoencoder):
        scores = model.reconstruction_error(x)
    elif isinstance(model, Denoises) and isinstance(model, Scores):
        score = own.elbo if model.inputs.is_unit else own.log_prob
        scores = -score(x, **given, seed=seed)
    elif isinstance(model, Bounds):
        scores = -model.importance_log_prob(x, IMPORTANCE_SAMPLES, **given, seed=seed)
    elif isinstance(model, Scores):
        scores = -model.log_prob(observed(model, x, seed), **given)
    elif _reconstructs(model):
        checked = model.inputs.check(x, "x")
        units = model.inputs.as_input(tf.constant(checked)).numpy()
        errors = np.abs(own.reconstruct(checked, **given) - units)
        scores = errors.reshape((len(errors), -1)).mean(axis=1)
    else:
        raise TypeError(
            f"model must have a likelihood, a bound or reconstructions to score "
            f"examples, received {type(model).__name__}."
        )
    return np.asarray(scores, np.float64)


def alarm_threshold(scores: Any, false_alarms: float) -> float:
    """The score above which examples are flagged, from held-out normal examples.

    It is the k-th smallest of n scores, with k = ceil((n + 1) (1 - false_alarms)). The
    probability that a new normal example is flagged is then at most `false_alarms`, on
    average over held-out sets, whatever the scores mean (conformal prediction).

    Args:
        scores: Scores of held-out normal examples, `(n,)`.
        false_alarms: The rate of false alarms, in (0, 1).

    Returns:
        The threshold.

    Raises:
        ValueError: If there are fewer than 1 / false_alarms - 1 scores, or if the rate
            is out of its range.

    References:
        Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005.

    Example:
        >>> kg.metrics.alarm_threshold(np.arange(1, 100), 0.05)  # the 95th of 99
        95.0
    """
    scores = check_scores(scores, "scores")
    return float(np.sort(scores)[alarm_rank(len(scores), false_alarms) - 1])


def alarm_rank(num_scores: int, false_alarms: float) -> int:
    """The rank among the scores of `alarm_threshold`, from 1. It has the same errors.

    Args:
        num_scores: Number of held-out examples.
        false_alarms: The rate of false alarms, in (0, 1).
    """
    check_finite(false_alarms, "false_alarms")
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must be in (0, 1), received {false_alarms}.")
    rank = math.ceil((num_scores + 1) * (1 - false_alarms) - ROUNDING)
    if rank > num_scores:
        needed = math.ceil(1 / false_alarms - 1 - ROUNDING)
        raise ValueError(
            f"false_alarms={false_alarms} requires at least {needed} held-out examples,"
            f" received {num_scores}. Increase it to {smallest_rate(num_scores):g} or "
            "more, or hold out more."
        )
    return rank


def smallest_rate(num_scores: int) -> float:
    """The smallest rate of false alarms that `alarm_rank` allows, to 4 digits."""
    return math.ceil(1e4 / (num_scores + 1)) / 1e4


def detect(
    model: Any,
    x: Any,
    held_out: Any,
    *,
    false_alarms: float = 0.01,
    condition: Any = None,
    held_out_condition: Any = None,
    seed: int = 0,
) -> Detection:
    """Flags examples that are unlike held-out normal ones.

    Args:
        model: A model trained on normal examples; see `anomaly_scores`.
        x: Examples to judge, `(n, *inputs.shape)`, or a table.
        held_out: Normal examples that were not used in training.
        false_alarms: The rate of normal examples that may be flagged, in (0, 1).
        condition: Rows of the model's `condition` spec, one per example of `x`.
        held_out_condition: The same for `held_out`.
        seed: Seed of the draws of bounds.

    Raises:
        TypeError: If the model has no score.
        ValueError: If values do not fit the model, or if there are too few held-out
            examples for the rate.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,), seed=0)
        >>> normal, far = np.random.default_rng(0).normal(size=(2, 200, 2))
        >>> found = kg.metrics.detect(model, far + 9, normal, false_alarms=0.05)
        >>> bool(found.flagged.all())
        True
    """
    usual = anomaly_scores(model, held_out, held_out_condition, seed=seed)
    threshold = alarm_threshold(usual, false_alarms)
    scores = anomaly_scores(model, x, condition, seed=seed)
    return Detection(scores, scores > threshold, threshold)


def _reconstructs(model: Any) -> bool:
    """Whether errors of reconstructions mean something: not of levels, not of texts."""
    is_lossy = isinstance(model, Encodes) and not model.lossless
    spec = model.inputs
    return is_lossy and isinstance(spec, Floats) and not spec.has_levels
