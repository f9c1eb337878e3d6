"""Autoencoder: plain, denoising, sparse, contractive.

Rooms: `networks`, `objectives`, `distributions` (the mixture behind `sample`).
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks
from ..capabilities import Encodes, Generates
from ..distributions import GaussianMixture
from ..model import GenerativeModel
from ..objectives import BinaryCrossEntropy
from ..objectives.corruption import Corruption
from ..objectives.penalties import Penalty
from ..objectives.reconstruction import Reconstruction
from ..random import RowNoise, row_seeds
from ..serialization import register
from ..validation import check_positive, check_type, num_rows

CORRUPTION_STREAM = 0


@register
class Autoencoder(Encodes, Generates, GenerativeModel):
    """Compresses examples to codes and decodes them.

    Loss: the clean example's reconstruction error from the code of the corrupted one,
    plus penalties: sums over the values of an example, means over the batch.

    Args:
        encoder: Examples `(batch, *data_shape)` to codes `(batch, latent_dim)`: a
            Functional or Sequential model.
        decoder: Codes to raw values `(batch, *data_shape)`, without a last
            activation.
        reconstruction: Error per example, and the link from raw values to examples.
        corruption: Change of the input against which the model is trained.
        penalties: Terms on the code.
        latent_components: Components of the mixture of `fit_latent_density`.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is no built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other, if they take
            labels, or if the decoder's outputs are squashed, as by a last sigmoid.

    References:
        Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural
        networks", 2006; for denoising and penalties see `objectives`.
    """

    arguments = ("encoder", "decoder", "reconstruction", "corruption", "penalties")
    arguments += ("latent_components",)
    not_ready = "fit_latent_density(x) fits the density of its codes."

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        reconstruction: Reconstruction | None = None,
        corruption: Corruption | None = None,
        penalties: Sequence[Penalty] = (),
        latent_components: int = 10,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive(latent_components, "latent_components", integer=True)
        reconstruction = reconstruction or BinaryCrossEntropy()
        check_type(reconstruction, Reconstruction, "reconstruction")
        networks.check_pair(encoder, decoder, squashes=(reconstruction.squashes,))
        if networks.num_classes(encoder=encoder, decoder=decoder) is not None:
            raise ValueError("Autoencoder takes no labels: give networks of one input.")
        check_type(corruption, Corruption | None, "corruption")
        names = [penalty.name for penalty in penalties]
        if len(set(names)) < len(names):
            raise ValueError(f"penalties must have distinct names, received {names}.")
        super().__init__(
            data_shape=networks.input_shape(encoder, "encoder"),
            unit_interval=reconstruction.unit_interval,
            num_classes=None,
            term_names=["loss", "reconstruction_error", *names],
            seed=seed,
            **kwargs,
        )
        self.encoder, self.decoder = encoder, decoder
        self.reconstruction = reconstruction
        self.corruption = corruption
        self.penalties = tuple(penalties)
        self.latent_components = latent_components
        self._add_density_weights()

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """`(latent_dim,)`."""
        return networks.output_shape(self.encoder, "encoder")

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """`(latent_dim + 1,)`: the last value chooses the mixture component."""
        return (self.latent_shape[0] + 1,)

    @property
    def can_generate(self) -> bool:
        """Whether `fit_latent_density` has been called."""
        with tf.init_scope():  # a fact about the weights, also while tracing
            return bool(np.any(self._scale_tril.numpy()))

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Reconstructions, as `reconstruct` gives them."""
        codes = networks.apply(self.encoder, x, training=training)
        raw = networks.apply(self.decoder, codes, training=training)
        return self.reconstruction.link(raw)

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, `reconstruction_error` and one term per penalty."""
        del labels
        seen = x
        if self.corruption is not None:
            seen = self.corruption.apply(x, noise, CORRUPTION_STREAM)

        def encode(x: tf.Tensor) -> tf.Tensor:
            return networks.apply(self.encoder, x, training=training)

        codes = encode(seen)
        raw = networks.apply(self.decoder, codes, training=training)
        terms = {"reconstruction_error": ops.mean(self.reconstruction(x, raw))}
        for penalty in self.penalties:
            terms[penalty.name] = ops.mean(penalty(codes, seen, encode))
        return {"loss": sum(terms.values()), **terms}

    def reconstruction_error(self, x: Any) -> Any:
        """How badly each example is reconstructed: a score for anomalies.

        Cross-entropy contains a grey image's own entropy: `SquaredError` scores fairer.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].

        Returns:
            `(batch,)`, in the units of `reconstruction` (cross-entropy: nats).
        """
        return self.run(self._reconstruction_error, x=x)

    def denoising_error(self, x: Any, *, seed: int = 0) -> Any:
        """How badly each example is reconstructed from its corrupted version.

        Args:
            x: Clean examples, as in `reconstruction_error`.
            seed: Decides the corruption.

        Returns:
            `(batch,)`, against the clean example, as in `reconstruction_error`.

        Raises:
            ValueError: If the model has no corruption.
        """
        if self.corruption is None:
            raise ValueError(f"{self.name} was built without corruption.")
        return self.run(self._denoising_error, x=x, seed=row_seeds(seed, num_rows(x)))

    def fit_latent_density(self, x: Any, *, seed: int = 0) -> "Autoencoder":
        """Fits a Gaussian mixture to the codes of `x`, from which `sample` draws.

        The mixture is part of the model's weights: it is saved and exported.

        Args:
            x: Training examples, `(n, *data_shape)`, at least as many as components.
            seed: Seed of the fit.

        Returns:
            The model itself.

        References:
            Ghosh et al., "From variational to deterministic autoencoders", 2020,
            section 4.
        """
        from sklearn.mixture import GaussianMixture as Fit

        if num_rows(x) < self.latent_components:
            raise ValueError(
                f"x must hold at least {self.latent_components} examples "
                f"(latent_components), received {len(x)}."
            )
        codes = self.encode(np.asarray(x)).astype(np.float64)
        fit = Fit(self.latent_components, random_state=seed, reg_covar=1e-6).fit(codes)
        mixture = GaussianMixture.from_moments(
            fit.weights_, fit.means_, fit.covariances_
        )
        self._thresholds.assign(mixture.thresholds)
        self._means_of_codes.assign(mixture.means)
        self._scale_tril.assign(mixture.scale_tril)
        return self

    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return networks.apply(self.encoder, x)

    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self.reconstruction.link(networks.apply(self.decoder, z))

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        mixture = GaussianMixture(
            self._thresholds.value, self._means_of_codes.value, self._scale_tril.value
        )
        return self._decode(mixture.from_noise(noise))

    def _reconstruction_error(
        self, x: tf.Tensor, seen: tf.Tensor | None = None
    ) -> tf.Tensor:
        codes = self._encode(x if seen is None else seen)
        return self.reconstruction(x, networks.apply(self.decoder, codes))

    def _denoising_error(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seen = self.corruption.apply(x, RowNoise(seed), CORRUPTION_STREAM)
        return self._reconstruction_error(x, seen)

    def _add_density_weights(self) -> None:
        k, dim = self.latent_components, self.latent_shape[0]
        shapes = {
            "thresholds": (k - 1,),
            "means": (k, dim),
            "scale_tril": (k, dim, dim),
        }
        self._thresholds, self._means_of_codes, self._scale_tril = (
            self.add_weight(
                shape=shape,
                initializer="zeros",
                trainable=False,
                dtype="float32",
                name=f"latent_{name}",
            )
            for name, shape in shapes.items()
        )
