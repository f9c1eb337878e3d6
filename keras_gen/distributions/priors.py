"""Priors: distributions of latent vectors that are drawn from normal noise.

Priors draw with operators that every exported artifact supports.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from ..extras import package
from ..serialization import register, value
from .tfp import Distribution, normal, tfd

Encoder = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Prior(abc.ABC):
    """p(z) of latent vectors `(..., latent_dim)`.

    Example:
        >>> prior = kg.StandardNormal()
        >>> noise = tf.random.stateless_normal((3, prior.noise_size(2)), seed=(0, 7))
        >>> z = prior.from_noise(noise)
        >>> prior.log_prob(z).shape
        TensorShape([3])
    """

    needs_data = False  # whether `initialize` does anything
    num_examples = 0  # that `initialize` needs at least, if the data have so many
    needs_encoder = False  # whether `join` does anything

    def join(
        self,
        shape: tuple[int, ...],
        posterior: Encoder,
        *,
        size: int,
        is_unit: bool,
    ) -> None:
        """Takes the encoder of a model before `prepare`; does nothing by default.

        Args:
            shape: Shape of an example as networks see it.
            posterior: A function from such examples to mean and standard deviation of
                q(z | x), `(n, size)` each.
            size: Number of means.
            is_unit: Whether examples are in [0, 1].

        Raises:
            ValueError: If the prior already belongs to another model.
        """
        del shape, posterior, size, is_unit

    def prepare(self, latent_dim: int) -> None:
        """Makes the weights of a prior that is trained with its model.

        Args:
            latent_dim: Number of latent values.

        Raises:
            ValueError: If the prior already belongs to another model.
        """
        del latent_dim

    def initialize(self, x: tf.Tensor, z: tf.Tensor) -> None:
        """Initializes weights from examples and draws; does nothing by default.

        Args:
            x: Examples as networks see them, `(n, ...)`.
            z: A draw of q(z | x) for each, `(n, latent_dim)`.
        """
        del x, z

    @abc.abstractmethod
    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log p(z) in nats, `(...)`."""

    @abc.abstractmethod
    def noise_size(self, latent_dim: int) -> int:
        """Number of standard normal values per draw."""

    @abc.abstractmethod
    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors distributed as p(z), from `(batch, noise_size)` noise."""

    def kl_divergence(self, posterior: Distribution, z: tf.Tensor) -> tf.Tensor:
        """KL(posterior || prior), in nats. An estimate without a closed form.

        Args:
            posterior: Factorised normal over `(batch, latent_dim)`.
            z: Samples of the posterior, `(samples, batch, latent_dim)`.

        Returns:
            `(batch, latent_dim)` in closed form. Otherwise `(batch, 1)`, the mean over
            the samples of log q(z | x) - log p(z).
        """
        log_posterior = ops.sum(posterior.log_prob(z), axis=-1)
        return ops.mean(log_posterior - self.log_prob(z), axis=0)[:, None]


def check_new(part: Any) -> None:
    """Raises ValueError if a part with weights belongs to a model already."""
    if part.built:
        raise ValueError(
            f"{type(part).__name__} already belongs to another model. Make a new one."
        )


@value
class StandardNormal(Prior):
    """Independent N(0, 1) latent values.

    Example:
        >>> log_prob = kg.StandardNormal().log_prob(tf.zeros((1, 2)))
        >>> round(float(log_prob[0]), 4)  # -log(2 pi)
        -1.8379
    """

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log N(z; 0, I) in nats."""
        return ops.sum(normal(0.0, 1.0).log_prob(z), axis=-1)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension."""
        return latent_dim

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """The noise itself."""
        return noise

    def kl_divergence(self, posterior: Distribution, z: tf.Tensor) -> tf.Tensor:
        """Closed form, `(batch, latent_dim)`, >= 0 (Kingma and Welling, app. B)."""
        del z
        return tfd().kl_divergence(posterior, normal(0.0, 1.0))


@register
class GaussianMixture(Prior):
    """A mixture of full-covariance Gaussians.

    Args:
        thresholds: `(components - 1,)`, increasing. A standard normal value between
            thresholds k - 1 and k chooses component k.
        means: `(components, latent_dim)`.
        scale_tril: `(components, latent_dim, latent_dim)`, lower-triangular factors
            of the covariances.

    Example:
        >>> prior = kg.GaussianMixture.from_moments(
        ...     weights=[0.5, 0.5],
        ...     means=[[-3.0, 0.0], [3.0, 0.0]],
        ...     covariances=[np.eye(2), np.eye(2)],
        ... )
        >>> prior.from_noise(tf.constant([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])).numpy()
        array([[-3.,  0.],
               [ 3.,  0.]], dtype=float32)
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, prior=prior)
    """

    def __init__(self, thresholds: Any, means: Any, scale_tril: Any) -> None:
        self.thresholds, self.means, self.scale_tril = (
            tf.convert_to_tensor(t, tf.float32) for t in (thresholds, means, scale_tril)
        )

    @classmethod
    def from_moments(
        cls, weights: ArrayLike, means: Any, covariances: Any
    ) -> "GaussianMixture":
        """A mixture from weights, means and covariances.

        Args:
            weights: `(components,)`, positive, with sum 1.
            means: `(components, latent_dim)`.
            covariances: `(components, latent_dim, latent_dim)`, positive definite.

        Raises:
            ValueError: If the weights are not positive or do not sum to 1.
        """
        from scipy.stats import norm

        weights = np.asarray(weights, np.float64)
        if (weights <= 0).any() or not math.isclose(weights.sum(), 1, rel_tol=1e-4):
            raise ValueError(f"weights must be > 0 with sum 1, received {weights}.")
        thresholds = norm.ppf(np.cumsum(weights / weights.sum())[:-1])
        return cls(thresholds, means, np.linalg.cholesky(covariances))

    @classmethod
    def fitted(cls, z: Any, num_components: int, *, seed: int = 0) -> "GaussianMixture":
        """Fits a mixture to latent vectors by expectation maximization.

        Args:
            z: Latent vectors, `(n, latent_dim)` with `n >= num_components`.
            num_components: Number of components.
            seed: Seed of the initial components.

        Raises:
            ImportError: If scikit-learn is missing.
            ValueError: If `n < num_components`.

        References:
            Ghosh et al., "From variational to deterministic autoencoders", 2020,
            section 4.

        Example:
            >>> import numpy as np
            >>> import keras_gen as kg
            >>> z = np.random.default_rng(0).normal(size=(100, 2))
            >>> kg.GaussianMixture.fitted(z, 3).means.shape
            TensorShape([3, 2])
        """
        package("sklearn", "a fitted GaussianMixture")
        from sklearn.mixture import GaussianMixture as Fit

        if len(z) < num_components:
            raise ValueError(
                f"z must have at least num_components={num_components} vectors, "
                f"received {len(z)}."
            )
        z = np.reshape(z, (len(z), -1)).astype(np.float64)
        fit = Fit(num_components, random_state=seed, reg_covar=1e-6).fit(z)
        moments = map(np.asarray, (fit.weights_, fit.means_, fit.covariances_))
        return cls.from_moments(*moments)

    def distribution(self) -> Distribution:
        """The TFP mixture."""
        below = tf.concat([[0.0], normal(0.0, 1.0).cdf(self.thresholds), [1.0]], 0)
        return tfd().MixtureSameFamily(
            tfd().Categorical(probs=below[1:] - below[:-1]),
            tfd().MultivariateNormalTriL(self.means, self.scale_tril),
        )

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log density in nats."""
        return self.distribution().log_prob(z)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension, and one for the choice of the component.

        Raises:
            ValueError: If the components have another dimension.
        """
        if latent_dim != (dim := self.means.shape[1]):
            raise ValueError(
                f"The mixture has components of dimension {dim}, received latent_dim="
                f"{latent_dim}."
            )
        return latent_dim + 1

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors `(batch, latent_dim)` from `(batch, latent_dim + 1)`."""
        chooser, noise = noise[:, -1:], noise[:, :-1]
        passed = ops.cast(chooser > self.thresholds[None], "float32")
        ones = ops.ones_like(chooser)
        chosen = ops.concatenate([ones, passed], axis=1) - ops.concatenate(
            [passed, 0.0 * ones], axis=1
        )
        means = ops.matmul(chosen, self.means)
        num_components, dim = self.means.shape
        factors = ops.reshape(self.scale_tril, (num_components, dim * dim))
        factors = ops.reshape(ops.matmul(chosen, factors), (-1, dim, dim))
        return means + ops.matmul(factors, noise[:, :, None])[:, :, 0]

    def get_config(self) -> dict[str, Any]:
        """The arrays as lists."""
        names = ("thresholds", "means", "scale_tril")
        return {
            k: tf.convert_to_tensor(getattr(self, k)).numpy().tolist() for k in names
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "GaussianMixture":
        """Rebuilds the mixture from `get_config`."""
        return cls(**config)
