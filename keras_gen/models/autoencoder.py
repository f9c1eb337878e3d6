"""Autoencoder: plain, denoising, sparse, contractive."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks, random
from ..capabilities import Encodes, Generates
from ..distributions import GaussianMixture
from ..model import GenerativeModel
from ..objectives import BinaryCrossEntropy, MixedError, SquaredError
from ..objectives.corruption import Corruption
from ..objectives.penalties import Penalty
from ..objectives.reconstruction import Reconstruction
from ..random import RowNoise, row_seeds
from ..rows import Rows
from ..serialization import register
from ..specs import SEEDS, Columns, Latents, Noise, Spec, of_shape
from ..validation import check_positive, check_type, num_rows

CORRUPTION_STREAM = 0


@register
class Autoencoder(Encodes, Generates, GenerativeModel):
    """Compresses examples to codes and decodes them.

    The loss is the error of the clean example's reconstruction from the code of the
    corrupted example, plus penalties. It is summed over the values of an example and
    averaged over the batch.

    Args:
        encoder: A Functional or Sequential model from examples
            `(batch, *inputs.shape)` to codes `(batch, latent_dim)`.
        decoder: A model from codes to raw values `(batch, *inputs.shape)`, without a
            final activation.
        reconstruction: The error per example and the link from raw values to examples.
            The default is `BinaryCrossEntropy()` for values in [0, 1], `MixedError()`
            for tables, and otherwise `SquaredError()` of standardized columns.
        corruption: Corrupts the input in training, as in a denoising autoencoder.
        penalties: Penalties of the code.
        latent_components: Components of the mixture of `fit_latent_density`.
        inputs: The spec of the examples. None derives it from the encoder's input.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other, if they take
            labels, or if the decoder's outputs are squashed, as by a final sigmoid.

    References:
        Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural
        networks", 2006; for denoising and penalties see `objectives`.

    Example:
        >>> import keras_gen as kg
        >>> pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> model = kg.Autoencoder(*pair, seed=0)
        >>> model.latent.shape
        (2,)
    """

    arguments = ("encoder", "decoder", "reconstruction", "corruption", "penalties")
    arguments += ("latent_components", "inputs")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        reconstruction: Reconstruction | None = None,
        corruption: Corruption | None = None,
        penalties: Sequence[Penalty] = (),
        latent_components: int = 10,
        inputs: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive(latent_components, "latent_components", integer=True)
        check_type(reconstruction, Reconstruction | None, "reconstruction")
        shape = networks.input_shape(encoder, "encoder")
        is_unit = reconstruction is not None and reconstruction.unit_interval is True
        inputs = inputs or of_shape(shape, is_unit=is_unit)
        reconstruction = (reconstruction or _usual(inputs)).for_inputs(inputs)
        if corruption is not None and inputs.has_levels:
            raise ValueError(
                "corruption must be None for tables with integers or categories, "
                f"received {corruption}."
            )
        shape = inputs.network_shape
        how = {"squashes": (reconstruction.squashes,), "is_unit": inputs.is_unit}
        networks.check_pair(encoder, decoder, shape, shape, **how)
        both = {"encoder": encoder, "decoder": decoder}
        if networks.condition_shape(**both) is not None:
            raise ValueError(
                "Autoencoder takes no labels: encoder and decoder must have one input."
            )
        check_type(corruption, Corruption | None, "corruption")
        names = [penalty.name for penalty in penalties]
        if len(set(names)) < len(names):
            raise ValueError(f"penalties must have distinct names, received {names}.")
        super().__init__(
            inputs,
            latent=Latents(networks.output_shape(encoder, "encoder")),
            term_names=["loss", "reconstruction_error", *names],
            seed=seed,
            **kwargs,
        )
        self.encoder, self.decoder = encoder, decoder
        self.reconstruction = reconstruction
        self.corruption = corruption
        self.penalties = tuple(penalties)
        self.latent_components = latent_components
        self._thresholds: Any = None
        self._means_of_codes: Any = None
        self._scale_tril: Any = None  # these are weights, if codes are vectors
        if len(self.latent.shape) == 1:
            self._add_density_weights()

    @property
    def noise(self) -> Noise:
        """`latent_dim + 1` numbers. The last one chooses the mixture component."""
        return Noise((self.latent.size + 1,))

    @property
    def can_generate(self) -> bool:
        """Whether `fit_latent_density` has been called."""
        if self._scale_tril is None:
            return False
        with tf.init_scope():  # a fact about the weights, also while tracing
            return bool(np.any(self._scale_tril.numpy()))

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, `reconstruction_error` and one term per penalty."""
        del condition
        x, seen = self._seen(x, noise)

        def encode(x: tf.Tensor) -> tf.Tensor:
            return networks.apply(self.encoder, x, training=training)

        codes = encode(seen)
        raw = networks.apply(self.decoder, codes, training=training)
        error: tf.Tensor = ops.mean(self.reconstruction(x, raw))
        terms = {"reconstruction_error": error}
        for penalty in self.penalties:
            terms[penalty.name] = ops.mean(penalty(codes, seen, encode))
        first, *others = terms.values()
        return {"loss": sum(others, first), **terms}

    def _seen(self, x: tf.Tensor, noise: RowNoise) -> tuple[tf.Tensor, tf.Tensor]:
        """Clean examples and the encoder's inputs, on the networks' scale."""
        if self.corruption is None:
            x = self.scale.inward(x)
            return x, x
        seen = self.corruption.apply(x, noise, CORRUPTION_STREAM)
        return self.scale.inward(x), self.scale.inward(seen)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Reconstructions, as in `reconstruct`."""
        del condition
        x = self.scale.inward(x)
        codes = networks.apply(self.encoder, x, training=training)
        raw = networks.apply(self.decoder, codes, training=training)
        return self.scale.outward(self.reconstruction.link(raw))

    # codes

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes examples as codes; see `Encodes.encode`."""
        return self._rows.run(self._encode, self._given(condition, x=(x, self.inputs)))

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Decodes codes to examples; see `Encodes.decode`."""
        return self._rows.run(self._decode, self._given(condition, z=(z, self.latent)))

    def reconstruction_error(self, x: Rows) -> Rows:
        """The reconstruction error of each example, which is a score for anomalies.

        Cross-entropy includes a grey image's own entropy. `SquaredError` compares grey
        images more fairly.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].

        Returns:
            `(batch,)`, in the units of `reconstruction` (cross-entropy: nats).
        """
        return self._rows.run(self._reconstruction_error, {"x": (x, self.inputs)})

    def denoising_error(self, x: Rows, *, seed: int = 0) -> Rows:
        """The error of each example's reconstruction from its corrupted version.

        Args:
            x: Clean examples, as in `reconstruction_error`.
            seed: Seed of the corruption.

        Returns:
            `(batch,)`, compared with the clean example, as in `reconstruction_error`.

        Raises:
            ValueError: If the model has no corruption.
        """
        if self.corruption is None:
            raise ValueError(
                f"denoising_error requires a model with a corruption, and {self.name} "
                "was built with corruption=None."
            )
        seeds = row_seeds(seed, num_rows(x))
        given = {"x": (x, self.inputs), "seed": (seeds, SEEDS)}
        return self._rows.run(self._denoising_error, given)

    def _encode(self, x: tf.Tensor) -> tf.Tensor:
        return networks.apply(self.encoder, self.scale.inward(x))

    def _decode(self, z: tf.Tensor) -> tf.Tensor:
        raw = networks.apply(self.decoder, z)
        return self.scale.outward(self.reconstruction.link(raw))

    def _reconstruction_error(self, x: tf.Tensor) -> tf.Tensor:
        x = self.scale.inward(x)
        codes = networks.apply(self.encoder, x)
        return self.reconstruction(x, networks.apply(self.decoder, codes))

    def _denoising_error(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        x, seen = self._seen(x, RowNoise(seed))
        codes = networks.apply(self.encoder, seen)
        return self.reconstruction(x, networks.apply(self.decoder, codes))

    # sampling

    def fit_latent_density(self, x: Any, *, seed: int = 0) -> "Autoencoder":
        """Fits a Gaussian mixture to the codes of `x`. `sample` draws from it.

        The mixture is the simplest prior over codes. It is part of the model's weights:
        it is saved and exported. Samples are those of `Latent(model, mixture)` with
        `mixture = GaussianMixture.fitted(model.encode(x), latent_components)`. Use
        `Latent` if codes are not vectors, or for a prior that is trained.

        Args:
            x: Training examples, `(n, *inputs.shape)`, at least `latent_components`.
            seed: Seed of the fit.

        Returns:
            The model itself.

        References:
            Ghosh et al., "From variational to deterministic autoencoders", 2020,
            section 4.
        """
        if self._scale_tril is None:
            raise ValueError(
                f"fit_latent_density requires codes that are vectors, {self.name} has "
                f"{self.latent}. Use kg.Latent(model, prior) to train a prior over "
                "them."
            )

        if num_rows(x) < self.latent_components:
            raise ValueError(
                f"x must hold at least {self.latent_components} examples "
                f"(latent_components), received {num_rows(x)}."
            )
        codes, components = self.encode(x), self.latent_components
        mixture = GaussianMixture.fitted(codes, components, seed=seed)
        self._thresholds.assign(mixture.thresholds)
        self._means_of_codes.assign(mixture.means)
        self._scale_tril.assign(mixture.scale_tril)
        return self

    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Decodes the mixture's codes for noise; see `Generates.generate`."""
        self._require_density()
        given = self._given(condition, noise=(noise, self.noise))
        return self._rows.run(self._generate, given)

    def sample_rows(self, seed: Rows, *, condition: Any = None) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`."""
        self._require_density()
        given = self._given(condition, seed=(seed, SEEDS))
        return self._rows.run(self._sample_rows, given)

    def _require_density(self) -> None:
        if not self.can_generate:
            raise RuntimeError(
                f"{self.name} cannot generate yet. Call fit_latent_density(x) first."
            )

    def _sample_rows(self, seed: tf.Tensor) -> tf.Tensor:
        return self._generate(random.normal(seed, self.noise.shape))

    def _generate(self, noise: tf.Tensor) -> tf.Tensor:
        mixture = GaussianMixture(
            self._thresholds.value, self._means_of_codes.value, self._scale_tril.value
        )
        return self._decode(mixture.from_noise(noise))

    def _add_density_weights(self) -> None:
        k, dim = self.latent_components, self.latent.size
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


def _usual(inputs: Spec) -> Reconstruction:
    """The default reconstruction error of the data."""
    if isinstance(inputs, Columns):
        return MixedError()
    return BinaryCrossEntropy() if inputs.is_unit else SquaredError()
