"""GenerativeModel: what every family shares when it is trained by `fit`."""

import inspect
import random as python_random
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .engine import internals, parts
from .engine.batches import ExampleSource
from .engine.examples import (
    TakesExamples,
    check_examples,
    check_validation,
    is_stream,
    require_condition,
    unpack,
)
from .engine.loop import Loop
from .engine.predicting import batches_of, checked, separated, signature
from .engine.training import (
    Counts,
    FirstNonFinite,
    Means,
    StopOnNonFinite,
    check_trainable,
    choose_modes,
    end_of_stream,
    with_progress_bar,
)
from .players import AVERAGED, NORM, FollowRates, Player, Players, copy_of
from .random import RowNoise, batch_noise
from .rows import Given, RowRunner
from .scaling import scale_of, telling_rows, warn_of_constants
from .serialization import deserialize, serialize
from .specs import Classes, Spec
from .validation import check_positive, check_steps, check_type

RANDOM_STATES = "random_states"
MANY_STEPS = 10**6
CLASSES_SEEN = "classes_seen"
ALWAYS_SAVED = ("seed", "name", "dtype")  # arguments that every model has
OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
Turn = tuple[str | Sequence[str], dict[str, tf.Tensor]]


class GenerativeModel(keras.Model):
    """A `keras.Model` trained on its own loss terms.

    A subclass passes its specs to this constructor, sets its networks, lists the names
    of its own constructor arguments in `arguments` (each is also an attribute) and
    defines `loss_terms`, or `turns` if it has several players.

    Args:
        inputs: The spec of the examples, one of `keras_gen.specs`.
        condition: The spec of the condition, or None for an unconditional model.
        latent: The spec of the latent values, or None.
        players: The networks that have an optimizer of their own. Empty if one
            optimizer trains the whole model.
        signed: Whether networks see [0, 1] as [-1, 1].
        scale: The scale of the examples, such as
            `scaling.continuous_scale_of(inputs)`. None means `scaling.scale_of`.
        term_names: Names of the loss terms that callbacks may monitor from the start.
            Other terms are known after the first step. The default is `NAME_loss` for
            each of several players.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Attributes:
        scale: The scale on which the networks see the examples: `scale.inward(x)` and
            `scale.outward(x)`.
        paired: Whether each example has its condition. `fit` refuses `Unpaired` sets
            unless a class sets it to False.

    Raises:
        ValueError: If a saved model could not be loaded, because `arguments` lacks a
            required argument of the constructor.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> class Mean(kg.GenerativeModel):
        ...     def __init__(self, **kwargs):
        ...         super().__init__(kg.specs.Vectors(2), **kwargs)
        ...         self.mean = self.add_weight((2,), "zeros", name="mean")
        ...     def loss_terms(self, x, condition, noise, *, training):
        ...         x = self.scale.inward(x)
        ...         return {"loss": keras.ops.mean((x - self.mean) ** 2)}
        >>> model = Mean(seed=0)
        >>> model.compile("sgd")
        >>> history = model.fit(np.eye(2), verbose=0)
        >>> model.training_steps
        1
    """

    arguments: tuple[str, ...] = ()
    paired = True
    _instead = "define call(self, x, training=False)."
    _answers_with_labels = False  # else the condition is part of the question

    def __init__(
        self,
        inputs: Spec,
        *,
        condition: Spec | None = None,
        latent: Spec | None = None,
        players: Sequence[Player] = (),
        signed: bool = False,
        scale: Any = None,
        term_names: Sequence[str] = (),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(inputs, Spec, "inputs")
        check_type(condition, Spec | None, "condition")
        _check_arguments(type(self))
        super().__init__(**kwargs)
        self.autocast = False  # the networks cast what they take; examples stay exact
        self.inputs, self.condition, self.latent = inputs, condition, latent
        self.scale = scale_of(inputs, signed=signed) if scale is None else scale
        self._condition_scale = None
        if condition is not None:
            self._condition_scale = scale_of(condition, signed=signed)
        self.seed = python_random.randrange(2**31) if seed is None else seed
        check_type(self.seed, int, "seed")
        self._players = Players(self, players)
        self._averages = self._players.averages  # where Keras finds them
        self._use_ema = bool(self._averages)
        if len(players) > 1:
            losses = term_names or [f"{player.name}_loss" for player in players]
            term_names = (*losses, *(player.name + NORM for player in players))
        self._terms = Means(term_names)
        self._first_non_finite = FirstNonFinite()
        self._counts = Counts()
        self._counts.add("steps")
        self._counts.add("turns")
        for player in players:
            self._counts.add(player.name + AVERAGED)
        num_classes = condition.num_classes if isinstance(condition, Classes) else 0
        self._classes_seen = np.zeros(num_classes, bool)
        self._rows, self._loop = RowRunner(self, self.scale), Loop(self)
        self.built = True  # the networks come built

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """The scalar terms of one batch. `"loss"` is minimised.

        With several players, the terms of all `turns` are returned.

        Randomness comes from `noise.normal(shape, stream)` and `noise.uniform(shape,
        stream)`, with a stream of its own for each draw. Resumed training then sees
        the same numbers. It does not with `tf.random`, nor with `keras.random` unless
        its `SeedGenerator` is an attribute of the model or of a layer.

        A weight with `trainable=False` may be assigned if `training` is true, such as a
        codebook that follows a moving average. It is saved, and training resumes
        exactly.

        Args:
            x: Examples, `(batch, *inputs.shape)`, in units of the data. They are
                float32, or float64 if the spec allows numbers of any size and the
                examples are float64: `scale.inward` subtracts their origin and
                returns float32.
            condition: Rows of the model's `condition` spec, or None.
            noise: The random numbers of the batch. `noise.step` is the number of
                training steps so far, an int32 scalar, for a schedule of one's own;
                it is negative in `evaluate`. `training_steps` cannot be read while a
                step is traced.
            training: Whether this is a training step. Pass `training=training` to
                each network, for batch normalization and dropout.

        Returns:
            Scalars by name. Each is a mean over the batch, and a sum comes before its
            parts. Likelihoods are in nats per example.

        Raises:
            ValueError: In `fit` and `evaluate`, if a term is not a scalar, or if
                `"loss"` is missing.
        """
        if type(self).turns is GenerativeModel.turns:
            raise NotImplementedError(
                f"{type(self).__name__} must define loss_terms, or turns."
            )
        terms: dict[str, tf.Tensor] = {}
        for _, part in self.turns(x, condition, noise, training=training):
            terms |= part
        return terms

    def turns(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Iterator[Turn]:
        """One step of all players: yields who moves, and their loss terms.

        A player moves as soon as its turn is yielded: code after the `yield` sees the
        updated network. A turn moves only the weights of its players, so the outputs
        of other networks need no `stop_gradient`.

        Args:
            x: As in `loss_terms`.
            condition: As in `loss_terms`.
            noise: As in `loss_terms`, with one stream for each draw of a step.
            training: As in `loss_terms`. Pass it to each network.

        Yields:
            The name of a player, or the names of players that move together, and
            their terms. The first term is minimised and usually called `NAME_loss`.
            Players that move together follow the gradients of one loss, computed
            before any of them moves. Each player has one turn.

        Raises:
            ValueError: In training, if a player has no turn or more than one; and in
                `evaluate` too, if a term is not a scalar.

        Example:
            >>> import keras
            >>> import numpy as np
            >>> import keras_gen as kg
            >>> class Pair(kg.GenerativeModel):  # b follows a, a follows the data
            ...     arguments = ("a", "b")
            ...     def __init__(self, a, b, **kwargs):
            ...         players = kg.Player("a", a), kg.Player("b", b)
            ...         inputs = kg.specs.Vectors(2, is_unit=True)
            ...         super().__init__(inputs, players=players, **kwargs)
            ...         self.a, self.b = a, b
            ...     def turns(self, x, condition, noise, *, training):
            ...         a = self.a(x, training=training)
            ...         yield "a", {"a_loss": keras.ops.mean((a - x) ** 2)}
            ...         a, b = self.a(x), self.b(x, training=training)
            ...         yield "b", {"b_loss": keras.ops.mean((b - a) ** 2)}
            >>> networks = [kg.networks.mlp((2,), (2,), units=(4,)) for _ in "ab"]
            >>> model = Pair(*networks, seed=0)
            >>> model.compile(a_optimizer="sgd", b_optimizer="adam")
            >>> history = model.fit(np.eye(2), verbose=0).history
            >>> "a_gradient_norm" in history
            True
        """
        yield "model", self.loss_terms(x, condition, noise, training=training)

    @property
    def training_steps(self) -> int:
        """Number of training steps in all calls of `fit` together.

        It is saved with the model. The order and noise of examples, warm-up and moving
        averages depend on it, so they continue after another `compile`.
        """
        return int(self._counts["steps"].numpy())

    @property
    def use_ema(self) -> bool:
        """Whether samples and exports come from the moving average; can be set."""
        return self._use_ema

    @use_ema.setter
    def use_ema(self, chosen: bool) -> None:
        if chosen and not self._averages:
            raise ValueError(
                f"use_ema=True requires a moving average, and {self.name} was built "
                "with ema_decay=None."
            )
        self._use_ema = bool(chosen)
        self._rows.forget()  # functions compiled with the other network

    @property
    def average(self) -> keras.Model | None:
        """The network that holds the moving average of the weights, or None."""
        return self._averages[0] if self._averages else None

    @property
    def condition_scale(self) -> Any:
        """The scale on which the networks see the condition, or None.

        For example, `condition_scale.inward(labels)` is one-hot.
        """
        return self._condition_scale

    def network_of(self, player: str) -> Any:
        """The network that makes a player's samples: its moving average, or itself.

        Args:
            player: The player's name.
        """
        found = self._players[player]
        return found.average if self.use_ema and found.average else found.network

    def _takes(self) -> TakesExamples:
        """The object that takes the examples of a step: the model itself."""
        return self

    def _known(self, condition: tf.Tensor | None) -> tf.Tensor | None:
        """The condition as networks see it: one-hot labels, scaled numbers."""
        return None if condition is None else self.condition_scale.inward(condition)

    def _outward(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Examples of networks in units of the data, as the condition asks."""
        rows = self.scale.outward(x)
        if condition is None or self.condition is None:
            return rows
        return self.condition.imposed(rows, condition)

    def _given(self, condition: Any, **rows: tuple[Any, Spec]) -> Given:
        """Rows and the condition, for `RowRunner.run`."""
        require_condition(self.condition, condition)
        if self.condition is None:
            return rows
        return {**rows, "condition": (condition, self.condition)}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One running mean per loss term."""
        return self._terms.metrics

    def reset_metrics(self) -> None:
        """Resets the means at the start of an epoch."""
        super().reset_metrics()
        self._terms.rows.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The means of the loss terms since the last reset."""
        return self._terms.seen()

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
        """Trains the model: `keras.Model.fit` after its arguments are checked.

        Args:
            x: Examples, `(n, *inputs.shape)`, `texts.Windows`, `Unpaired`, a
                `tf.data.Dataset` or `PyDataset` of `x` or `(x, labels)`, or a generator
                of `(x,)` or `(x, labels)`.
            y: The condition, rows of the model's `condition` spec: labels `(n,)`,
                vectors, images. None for an unconditional model.
            batch_size: Examples per step. Keras' default is 32.
            epochs: Passes over the data.
            verbose: As in Keras.
            callbacks: As in Keras. Callbacks that monitor a loss term know whether it
                should fall or rise: `EarlyStopping("val_elbo", patience=5)`. Set
                `mode` for accuracies of a discriminator, norms and probabilities.
            validation_split: As in Keras.
            validation_data: `(x, labels)`, `(x, None)` or a dataset.
            **kwargs: Keras' further arguments: `shuffle`, `initial_epoch`, ...

        Returns:
            Keras' history, one list per loss term.

        Raises:
            ValueError: If the data or labels do not fit the model (a stream raises at
                the batch that does not fit), if no weight is trainable, or if a number
                of epochs or steps is < 1.
            FloatingPointError: If a loss term becomes NaN or infinite.
        """
        for name in ("sample_weight", "class_weight"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} is not supported by generative models.")
        check_positive(epochs, "epochs", integer=True)
        check_steps(kwargs, "steps_per_epoch", "validation_steps")
        check_trainable(self)
        x, y = check_examples(self._takes(), x, y, name="x")
        self._note_classes(y)
        validation_data = check_validation(self._takes(), validation_data)
        self._prepare(x, y)
        callbacks = with_progress_bar(callbacks)
        choose_modes(callbacks, self._terms)
        counts = (kwargs.get("steps_per_epoch"), kwargs.get("validation_steps"))
        self._loop.choose_steps(callbacks, counts)
        internals.forget_validation(self)
        kwargs |= {"batch_size": batch_size, "validation_split": validation_split}
        x, y, validation_data = self._loop.in_memory(x, y, validation_data, kwargs)
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
        x, y = check_examples(self._takes(), x, y, name="x")
        callbacks = kwargs["callbacks"] = with_progress_bar(kwargs.get("callbacks"))
        with self._loop.steps_of_evaluation(callbacks, kwargs.get("steps")):
            x, y = self._loop.held_out(x, y, kwargs)
            with end_of_stream(True, kwargs.get("steps")):  # noqa: FBT003
                return super().evaluate(x, y, **kwargs)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One update of the weights on a batch."""
        x, condition = unpack(self, data)
        self._terms.begin()
        step = tf.identity(self._counts["steps"])
        noise = batch_noise(self.seed, x, step)
        terms = self._players.step(x, condition, noise)
        self._first_non_finite.update_state(terms, step)
        self._counts["steps"].assign(step + 1)
        return self._record(terms, x)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The loss terms of one held-out batch. The noise is the same in each pass."""
        x, condition = unpack(self, data)
        self._terms.begin()
        rows = parts.total(tf.identity(self._terms.rows.variables[0].value))
        noise = batch_noise(self.seed, x, -1 - tf.cast(rows, tf.int32))
        self._terms.rows.update_state(parts.num_rows(x))
        return self._record(self._players.held_out(x, condition, noise), x)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """The family's usual output for examples; see `predict`.

        Args:
            x: Examples, `(batch, *inputs.shape)`; `[x, condition]` for a conditional
                model.
            training: Whether dropout and batch statistics are on.

        Raises:
            NotImplementedError: If the family has no usual output. The message names
                the methods to call.
            ValueError: If the examples, or the condition, do not fit the model.
        """
        self._require_output()
        x, y = separated(self, x)
        if tf.executing_eagerly():
            checked(self, np.asarray(x), None if y is None else np.asarray(y), "x")
        x, y = (None if v is None else tf.convert_to_tensor(v) for v in (x, y))
        if self._answers_with_labels:
            x = self.inputs.as_input(x)
        else:
            x, y = unpack(self, (x, y))
        return self._output(x, y, training=training)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
    ) -> np.ndarray:
        """Computes `model(x)` in batches: `keras.Model.predict`, checked first.

        Autoencoders and VAEs return reconstructions. Flows, models of pixels and
        language models return `log_prob`. A GAN returns the discriminator's logits,
        and a classifier its logits.

        Args:
            x: Examples, `(n, *inputs.shape)`, images uint8 or in [0, 1];
                `[x, condition]` for a conditional model; or a stream of batches, as in
                `fit`.
            batch_size: Examples per batch. Keras' default is 32.
            verbose: As in Keras.
            steps: As in Keras.
            callbacks: As in Keras.

        Returns:
            float32 array, one row for each example.

        Raises:
            NotImplementedError: If the family has no usual output. The message names
                the methods to call.
            ValueError: If the examples, or the condition, do not fit the model.
        """
        self._require_output()
        check_steps({"steps": steps}, "steps")
        refused: list[ValueError] = []
        is_batched = is_stream(separated(self, x)[0]) or isinstance(x, ExampleSource)
        x, number = batches_of(self, x, batch_size, refused)
        options = {"verbose": verbose, "callbacks": callbacks}
        options["steps"] = number if steps is None else steps
        before = self.steps_per_execution
        if self._loop.requested["steps_per_execution"] == "auto":
            self.steps_per_execution = 1  # Keras would trace so many calls one by one
        try:
            return super().predict(x, None if is_batched else batch_size, **options)
        except tf.errors.OpError as error:
            if not refused:
                raise
            raise refused[0] from error  # TensorFlow has made another error of it
        finally:
            self.steps_per_execution = before

    def predict_step(self, data: Any) -> tf.Tensor:
        """Computes `model(x)` for one batch."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(x if y is None else [x, y], training=False)

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",  # noqa: A002
        verbose: bool | None = None,  # noqa: FBT001
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Exports `model(x)` alone, with Keras' own export.

        `keras_gen.export.saved_model` and `keras_gen.export.tflite` export all methods
        of the model (`sample`, `encode`, ...) by name, check them and write a manifest.

        Args:
            filepath: Where to write.
            format: As in Keras: "tf_saved_model", "onnx", "litert", ...
            verbose: As in Keras.
            input_signature: As in Keras. None means any number of examples.
            **kwargs: Keras' further arguments.

        Raises:
            NotImplementedError: If the family has no usual output `model(x)`.
        """
        self._require_output()
        options = {"verbose": verbose, **kwargs}
        condition = None if self._answers_with_labels else self.condition
        usual = signature(self.inputs, condition)
        options["input_signature"] = input_signature or usual
        super().export(filepath, format, **options)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """The value of `model(x)`.

        Args:
            x: Examples as `loss_terms` sees them, `(batch, *inputs.shape)`.
            condition: Rows of the model's `condition` spec, or None.
            training: Whether dropout and batch statistics are on.
        """
        raise NotImplementedError

    def _require_output(self) -> None:
        base, own = GenerativeModel, type(self)
        if own._output is base._output and own.call is base.call:
            raise NotImplementedError(
                f"{type(self).__name__} gives nothing for examples alone, as model(x), "
                f"predict and export would: {self._instead}"
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, named by `arguments`."""
        config = {
            name: getattr(self, name) for name in (*self.arguments, "seed", "name")
        }
        config["dtype"] = self.dtype_policy.name
        if self._averages:
            config["use_ema"] = self.use_ema
        return serialize(config)

    def _check_attributes(self) -> None:
        """Raises ValueError if `get_config` would find no attribute of some name."""
        if type(self).get_config is not GenerativeModel.get_config:
            return
        missing = [name for name in self.arguments if not hasattr(self, name)]
        if missing:
            raise ValueError(
                f"{type(self).__name__} has no attribute {', '.join(missing)}, which "
                "its arguments name, so it could not be saved. Set an attribute of the "
                f"same name in the constructor: self.{missing[0]} = {missing[0]}."
            )

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "GenerativeModel":
        """Rebuilds the model from `get_config`."""
        config = deserialize(config, custom_objects)
        use_ema = config.pop("use_ema", None)
        model = cls(**config)
        if use_ema is not None:
            model.use_ema = use_ema
        return model

    def save(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Saves the model, its weights and its optimizers: `keras.Model.save`.

        Args:
            filepath: A path that ends in `.keras`.
            *args: Keras' further arguments.
            **kwargs: Keras' further keyword arguments.

        Raises:
            ValueError: If the path asks for Keras' old HDF5 format.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"filepath must end in .keras, received {str(filepath)!r}: generative "
                "models cannot be read back from Keras' old HDF5 format. "
                "save_weights('name.weights.h5') saves the weights alone."
            )
        super().save(filepath, *args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Saves the model's own weights, its counts, and random states.

        Keras saves the weights of layers such as `keras.layers.Dropout`, but not the
        state of their random numbers. Training needs it to continue exactly.
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
        """Loads the saved variables; weights without counts mean a long training.

        Older files have no random states either. The states then stay as they are.
        Counts of players that the model does not have are ignored.
        """
        saved = {name: store[name] for name in store.keys()}  # noqa: SIM118
        values = saved.pop(RANDOM_STATES, ())
        self._classes_seen |= np.asarray(saved.pop(CLASSES_SEEN, False), bool)
        counts = dict(self._counts.items())
        super().load_own_variables(
            {
                k: v
                for k, v in saved.items()
                if k not in counts and not k.endswith(AVERAGED)
            }
        )
        for name, count in counts.items():
            count.assign(saved.get(name, MANY_STEPS))
        states = self._random_states()
        if len(values) == len(states):
            for state, value in zip(states, values, strict=True):
                state.assign(value)

    def _random_states(self) -> list[keras.Variable]:
        """The states of all seed generators in the networks."""
        return [v for v in self.variables if v.name == "seed_generator_state"]

    def _note_classes(self, labels: np.ndarray | None) -> None:
        """Remembers which classes occurred in training; None for no labels."""
        if isinstance(self.condition, Classes):
            if labels is None and self.condition.unasked is None:
                return
            labels = np.array(self.condition.unasked) if labels is None else labels
            self._classes_seen[labels.reshape(-1)] = True

    def _warn_of_new_classes(self, labels: np.ndarray | None) -> None:
        """Warns of labels that did not occur in training, if that is known."""
        if labels is None or not self._classes_seen.any():
            return
        asked = np.unique(np.asarray(labels)).astype(int)
        asked = asked[(asked >= 0) & (asked < len(self._classes_seen))]
        new = [label for label in asked.tolist() if not self._classes_seen[label]]
        names = getattr(self.condition, "names", None)
        new = new if names is None else [names[label] for label in new]
        if new:
            warnings.warn(
                f"{self.name} had no training example of {_classes(new)}: its output "
                "for such labels is meaningless.",
                stacklevel=4,
            )

    def _followers(self) -> list[keras.callbacks.Callback]:
        """The model's own callbacks, which run after those of the user."""
        return [FollowRates()] if len(self._players) > 1 else []

    def _get_ready(self, x: Any, y: Any) -> None:
        """Finds what `fit` finds before its first step, from its arguments."""
        self._prepare(*check_examples(self._takes(), x, y, name="x"))

    def _prepare(self, x: Any, y: Any) -> None:
        """Finds the scales of checked data before the first step of `fit`.

        Args:
            x: An array of examples, or a stream of batches.
            y: The condition, if `x` is an array.

        Raises:
            ValueError: If a player has no weights to train.
        """
        self._players.check()
        scales = self.scale, self.condition_scale
        if not any(getattr(scale, "needs_data", False) for scale in scales):
            return
        rows, known = telling_rows(self, x, y)
        if self.scale.needs_data:
            self.scale.find(rows)
            warn_of_constants(self.name, self.scale.constant, self.inputs)
        if getattr(self.condition_scale, "needs_data", False):
            self.condition_scale.find(known)

    def _record(
        self, terms: dict[str, tf.Tensor], x: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        for name, value in terms.items():
            self._terms.track(name, value, self._weight(x))
        return self._terms.results()

    def _weight(self, x: tf.Tensor) -> tf.Tensor:
        """The weight of a batch, or of a replica's part of it, in means: its rows.

        A row that only keeps a replica's part from being empty counts 0.
        """
        return parts.num_rows(x)

    def compile(
        self,
        optimizer: Any = None,
        *,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        auto_scale_loss: bool = True,
        **optimizers: Any,
    ) -> None:
        """Sets the optimizer, or one for each player. The defaults are fast.

        Args:
            optimizer: A Keras optimizer or its name. With several players, each player
                without an optimizer of its own gets a copy.
            steps_per_execution: Training steps per compiled call. "auto" means 32, or
                1 if `fit` gets a callback that watches single batches.
            jit_compile: Whether XLA compiles the steps. On a CPU, "auto" means yes for
                dense networks and no for convolutions, which are slower with XLA.
            run_eagerly: Whether to run Python line by line, for debugging.
            auto_scale_loss: Whether to scale the loss under mixed float16.
            **optimizers: `NAME_optimizer` for each of several players, such as
                `generator_optimizer`.

        Raises:
            TypeError: If `loss`, `metrics` or an unknown argument is passed.
            ValueError: If two players are given the same optimizer object, or if the
                model lacks an attribute that `arguments` names.
        """
        self._check_attributes()
        options = {
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
            "auto_scale_loss": auto_scale_loss,
        }
        names = [f"{player.name}_optimizer" for player in self._players]
        names = names if len(names) > 1 else []
        unknown = {k: v for k, v in optimizers.items() if k not in names}
        self._players.check_names(unknown)
        if not names:
            chosen = optimizer or self._default_optimizer()
        else:
            given = {k: optimizers.get(k) or copy_of(optimizer) for k in names}
            scales = options["auto_scale_loss"]
            chosen = self._players.made_for(given, scales=scales)
        options = self._loop.resolved(**options, **unknown)
        if names:
            options["auto_scale_loss"] = False  # each player's optimizer does
        super().compile(optimizer=chosen, **options)
        if self.trainable_variables:
            self.optimizer.build(self.trainable_variables)

    def get_compile_config(self) -> dict[str, Any]:
        """The configuration from which `compile_from_config` continues training."""
        if not self.compiled:
            return {}
        return serialize({**self._players.optimizers(), **self._loop.requested})

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as before saving; Keras then loads the optimizer's state."""
        if config:
            self.compile(**deserialize(config))

    def make_train_function(self, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Makes the function that `fit` calls for each execution, if it is missing."""

        def usual() -> Any:
            super(GenerativeModel, self).make_train_function(force)
            return self.train_function

        self.train_function = self._loop.train_function(usual, force=force)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Makes the function of each execution of `evaluate`, if it is missing."""

        def usual() -> Any:
            super(GenerativeModel, self).make_test_function(force)
            return self.test_function

        self.test_function = self._loop.test_function(usual, force=force)
        return self.test_function

    _maybe_symbolic_build = internals.OwnFunctions._maybe_symbolic_build

    def _default_optimizer(self) -> Any:
        """The optimizer of a player that `compile` is not given one for."""
        return "adam"


def _check_arguments(kind: type[GenerativeModel]) -> None:
    """Checks that the constructor of a class can be called by a saved configuration.

    A class with a `get_config` or `from_config` of its own beside its constructor
    decides by itself.

    Raises:
        ValueError: If it cannot.
    """
    made, saved, loaded = (
        next(c for c in kind.__mro__ if name in vars(c))
        for name in ("__init__", "get_config", "from_config")
    )
    decides = any(
        c is not GenerativeModel and issubclass(c, made) for c in (saved, loaded)
    )
    if kind is GenerativeModel or decides:
        return
    parameters = inspect.signature(made.__init__).parameters
    known = {*kind.arguments, *ALWAYS_SAVED}
    if saved is not GenerativeModel:
        known |= {*inspect.signature(saved.__init__).parameters}
    named = [p for p in [*parameters.values()][1:] if p.kind not in OPEN]
    lost = [p.name for p in named if p.default is p.empty and p.name not in known]
    if lost:
        listed = "".join(f'"{name}", ' for name in (*kind.arguments, *lost))
        raise ValueError(
            f"{kind.__name__}.arguments must name {', '.join(lost)}, without which a "
            f"saved model could not be loaded. Set arguments = ({listed.rstrip()}) in "
            "the class, and an attribute of the same name for each. Or define "
            "get_config."
        )
    takes_all = any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )
    absent = [name for name in ALWAYS_SAVED if name not in parameters]
    if absent and not takes_all:
        raise ValueError(
            f"{kind.__name__}.__init__ must take {', '.join(absent)}, with which a "
            "saved model is loaded. Add **kwargs to its parameters, and pass **kwargs "
            "to super().__init__."
        )


def _classes(labels: list[Any]) -> str:
    shown = ", ".join(map(str, labels))
    return f"class {shown}" if len(labels) == 1 else f"the classes {shown}"
