"""GenerativeModel: what every family shares when it is trained by `fit`."""

import abc
import random as python_random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .engine import internals, parts
from .engine.compiling import CompilesFast
from .engine.training import (
    Counts,
    FirstNonFinite,
    StopOnNonFinite,
    check_trainable,
    end_of_stream,
    move_weights,
    summed,
    with_progress_bar,
)
from .examples import check_examples, check_validation, unpack
from .predicting import Predicts
from .random import RowNoise, batch_noise
from .rows import RunsRows
from .serialization import deserialize, serialize
from .terms import choose_modes
from .validation import (
    check_condition,
    check_positive,
    check_sizes,
    check_steps,
    check_type,
)

RANDOM_STATES = "random_states"
MANY_STEPS = 10**6
CLASSES_SEEN = "classes_seen"


class GenerativeModel(Predicts, RunsRows, CompilesFast, keras.Model, abc.ABC):
    """A `keras.Model` trained on its own loss terms.

    A subclass hands its shapes and the names of its loss terms to this
    constructor, then sets its networks, names its own constructor arguments in
    `arguments` (each also an attribute) and writes `loss_terms`.

    Args:
        data_shape: Shape of one example, `(height, width, channels)` or
            `(features,)`.
        unit_interval: Whether examples lie in [0, 1]; images always do.
        num_classes: Number of classes if labels are needed, else None.
        context_size: Values per example of a continuous context if one is needed,
            else None; the labels of all methods below are then float32
            `(batch, context_size)`.
        term_names: Names of the loss terms, `"loss"` first.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.
    """

    arguments: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        data_shape: Sequence[int],
        unit_interval: bool,
        num_classes: int | None,
        term_names: Sequence[str],
        context_size: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_sizes(data_shape, "data_shape")
        check_condition(num_classes, context_size)
        super().__init__(**kwargs)
        self.autocast = False  # the networks cast what they take; examples stay exact
        self.data_shape = tuple(data_shape)
        self.unit_interval = unit_interval or len(self.data_shape) == 3
        self.num_classes, self.context_size = num_classes, context_size
        self.seed = python_random.randrange(2**31) if seed is None else seed
        check_type(self.seed, int, "seed")
        self._means = {name: keras.metrics.Mean(name=name) for name in term_names}
        self._first_non_finite = FirstNonFinite()
        self._counts = Counts()
        self._counts.add("steps")
        self._classes_seen = np.zeros(num_classes or 0, bool)
        self.built = True  # the networks come built

    @abc.abstractmethod
    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """The scalar terms of one batch, of which `"loss"` is minimised.

        Args:
            x: float32 examples, `(batch, *data_shape)`.
            labels: int32 `(batch,)`, or None.
            noise: The batch's random numbers.
            training: Whether this is a training step.

        Returns:
            Scalars by name, means over the batch, sums before their parts;
            likelihoods in nats per example.
        """

    @property
    def training_steps(self) -> int:
        """How many steps the model was trained for, in all calls of `fit` together.

        It is saved with the model. Order and noise of the examples, warm-up and moving
        averages follow it, so that they go on after another `compile`.
        """
        return int(self._counts["steps"].numpy())

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One running mean per loss term."""
        return list(self._means.values())

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains the model: `keras.Model.fit` after a check of what it is given.

        Args:
            x: Examples, `(n, *data_shape)`, `texts.Windows`, a `tf.data.Dataset` or
                `PyDataset` of `x` or `(x, labels)`, or a generator of `(x,)` or these.
            y: Integer labels, `(n,)`, for a class-conditional model; the context,
                `(n, context_size)`, for a model with a context.
            batch_size: Examples per step; Keras' default is 32.
            epochs: Passes over the data.
            verbose: As in Keras.
            callbacks: As in Keras. Those that monitor a term know which way is better:
                `EarlyStopping("val_elbo", patience=5)`; of accuracies of a
                discriminator, norms and probabilities they need a `mode`.
            validation_split: As in Keras.
            validation_data: `(x, labels)`, `(x, None)` or a dataset.
            **kwargs: Keras' further arguments: `shuffle`, `initial_epoch`, ...

        Returns:
            Keras' history, one list per loss term.

        Raises:
            ValueError: If the data or labels do not fit the model, a stream's at the
                batch that does not; if no weight is trainable; or if a number of
                epochs or steps is < 1.
            FloatingPointError: If a loss term becomes NaN or infinite.
        """
        for name in ("sample_weight", "class_weight"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} is not supported by generative models.")
        check_positive(epochs, "epochs", integer=True)
        check_steps(kwargs, "steps_per_epoch", "validation_steps")
        check_trainable(self)
        x, y = check_examples(self, x, y, name="x")
        self.note_classes(y)
        validation_data = check_validation(self, validation_data)
        self.prepare(x, y)
        callbacks = with_progress_bar(callbacks)
        choose_modes(callbacks, self._means)
        counts = (kwargs.get("steps_per_epoch"), kwargs.get("validation_steps"))
        self.choose_steps(callbacks, counts)
        self.forget_validation()
        kwargs |= {"batch_size": batch_size, "validation_split": validation_split}
        x, y, validation_data = self.in_memory(x, y, validation_data, kwargs)
        with end_of_stream(epochs == 1, kwargs.get("steps_per_epoch")):
            return super().fit(
                x,
                y,
                epochs=epochs,
                verbose=verbose,
                callbacks=[
                    StopOnNonFinite(self._first_non_finite),
                    *callbacks,
                    *self._followers(),
                ],
                validation_data=validation_data,
                **kwargs,
            )

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """The loss terms on held-out examples: `keras.Model.evaluate`, checked first.

        Args:
            x: Examples, windows or a dataset, as in `fit`.
            y: Labels or context, as in `fit`.
            **kwargs: Keras' further arguments: `batch_size`, `return_dict`, ...

        Raises:
            ValueError: If the data or labels do not fit the model.
        """
        if internals.is_validation_of_fit(kwargs):  # `fit` has checked it
            return super().evaluate(x, y, **kwargs)
        check_steps(kwargs, "steps")
        x, y = check_examples(self, x, y, name="x")
        callbacks = kwargs["callbacks"] = with_progress_bar(kwargs.get("callbacks"))
        with self.steps_of_evaluation(callbacks, kwargs.get("steps")):
            x, y = self.held_out(x, y, kwargs)
            with end_of_stream(True, kwargs.get("steps")):  # noqa: FBT003
                return super().evaluate(x, y, **kwargs)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One update of the weights on a batch."""
        x, labels = unpack(self, data)
        step = tf.identity(self._counts["steps"])
        terms = self.update(x, labels, batch_noise(self.seed, x, step))
        self._first_non_finite.update_state(terms, step)
        self._counts["steps"].assign(step + 1)
        return self._record(terms, x)

    def update(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: RowNoise
    ) -> dict[str, tf.Tensor]:
        """One gradient step on `loss_terms(...)["loss"]`; returns those terms."""
        with tf.GradientTape() as tape:
            terms = self._terms(x, labels, noise, training=True)
            loss = parts.shared(terms["loss"], self.batch_weight(x))
            loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        gradients = summed(tape.gradient(loss, weights))
        move_weights(self.optimizer, gradients, weights)
        return terms

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The loss terms of one held-out batch, with the same noise at each pass."""
        x, labels = unpack(self, data)
        rows_seen = parts.total(tf.identity(self.metrics[0].count.value))
        noise = batch_noise(self.seed, x, -1 - tf.cast(rows_seen, tf.int32))
        terms = self._terms(x, labels, noise, training=False)
        return self._record(terms, x)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, named by `arguments`."""
        config = {
            name: getattr(self, name) for name in (*self.arguments, "seed", "name")
        }
        return serialize({**config, "dtype": self.dtype_policy.name})

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "GenerativeModel":
        """Rebuilds the model from `get_config`."""
        return cls(**deserialize(config, custom_objects))

    def save(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Saves the model, its weights and its optimizers: `keras.Model.save`.

        Args:
            filepath: A path that ends in `.keras`.
            *args: Keras' further arguments.
            **kwargs: The same by name.

        Raises:
            ValueError: If the path asks for Keras' old HDF5 format.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"filepath must end in .keras, received {str(filepath)!r}: no "
                "generative model can be read back from Keras' old HDF5 format. "
                "save_weights('name.weights.h5') saves the weights alone."
            )
        super().save(filepath, *args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Saves the weights that are the model's own, its counts, and random states.

        Keras saves the weights of layers such as `keras.layers.Dropout`, but not the
        state of their random numbers, without which training would not go on exactly.
        """
        super().save_own_variables(store)
        for name, count in self._counts.items():
            store[name] = count.numpy()
        if self._classes_seen.any():
            store[CLASSES_SEEN] = self._classes_seen
        states = self._random_states()
        if states:
            store[RANDOM_STATES] = np.stack([state.numpy() for state in states])

    def load_own_variables(self, store: Any) -> None:
        """Loads what was saved; weights without counts stand for a long training.

        Older files have no random states either, which then stay as they are.
        """
        saved = {name: store[name] for name in store.keys()}  # noqa: SIM118
        values = saved.pop(RANDOM_STATES, ())
        self._classes_seen |= np.asarray(saved.pop(CLASSES_SEEN, False), bool)
        counts = dict(self._counts.items())
        super().load_own_variables({k: v for k, v in saved.items() if k not in counts})
        for name, count in counts.items():
            count.assign(saved.get(name, MANY_STEPS))
        states = self._random_states()
        if len(values) == len(states):
            for state, value in zip(states, values, strict=True):
                state.assign(value)

    def _random_states(self) -> list[keras.Variable]:
        """The states of all seed generators in the networks."""
        return [v for v in self.variables if v.name == "seed_generator_state"]

    def note_classes(self, labels: np.ndarray | None) -> None:
        """Remembers which classes training has had; None of a model without."""
        if labels is not None and self.num_classes is not None:
            self._classes_seen[labels.reshape(-1)] = True

    def warn_of_new_classes(self, labels: np.ndarray | None) -> None:
        """Warns of labels that training has not had, if it is known which it had."""
        if labels is None or not self._classes_seen.any():
            return
        asked = np.unique(np.asarray(labels)).astype(int)
        asked = asked[(asked >= 0) & (asked < len(self._classes_seen))]
        new = [label for label in asked.tolist() if not self._classes_seen[label]]
        if new:
            warnings.warn(
                f"{self.name} had no training example of {_classes(new)}: what it "
                "makes of such labels means nothing.",
                stacklevel=4,
            )

    def _followers(self) -> list[keras.callbacks.Callback]:
        """Callbacks of the model's own, which come after those of the user."""
        return []

    def prepare(self, x: Any, y: Any) -> None:
        """What `fit` does with checked data before the first step; here, nothing.

        Args:
            x: An array of examples, or a stream of batches.
            y: Labels, if `x` is an array.
        """
        del x, y

    def _terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss_terms`, with the networks' own regularizers added to `"loss"`."""
        terms = self.loss_terms(x, labels, noise, training=training)
        if self.losses:
            terms["loss"] += tf.add_n(self.losses)
        return terms

    def _record(
        self, terms: dict[str, tf.Tensor], x: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        for name, value in terms.items():
            self.track(name, value, x)
        return {name: mean.result() for name, mean in self._means.items()}

    def track(self, name: str, value: tf.Tensor, x: tf.Tensor) -> None:
        """Adds a batch's value of a term to its mean; see `batch_weight`."""
        self._mean(name).update_state(value, sample_weight=self.batch_weight(x))

    def batch_weight(self, x: tf.Tensor) -> tf.Tensor:
        """What a batch, or a replica's part, counts in a mean: the number of its rows.

        A scalar; 0 of a row that only keeps a replica's part from being empty.
        """
        return parts.num_rows(x)

    def _mean(self, name: str) -> keras.metrics.Mean:
        """The mean of a term, made for one that a subclass adds to those declared."""
        if name not in self._means:
            with tf.init_scope():
                self._means[name] = keras.metrics.Mean(name=name)
        return self._means[name]


def _classes(labels: list[int]) -> str:
    shown = ", ".join(map(str, labels))
    return f"class {shown}" if len(labels) == 1 else f"the classes {shown}"
