"""Loss terms as Keras' callbacks see them."""

from collections.abc import Collection, Iterable

import keras

RISING = ("accuracy", "elbo", "log_prob", "log_likelihood", "information")
NEITHER = ("real_accuracy", "fake_accuracy", "_norm", "_probability")


def choose_modes(
    callbacks: Iterable[keras.callbacks.Callback], names: Collection[str]
) -> None:
    """Tells callbacks that monitor a term whether they want it low or high.

    Keras knows it of `loss` alone. Terms of a loss, and the distances that
    `SampleEvaluation` logs, are minimised; bounds, accuracies and information are not.
    Of what is best somewhere between (a discriminator's accuracies, norms,
    probabilities) Keras goes on to ask for a `mode`.

    Args:
        callbacks: Any callbacks; those with a `monitor` and the mode "auto" change.
        names: Names of the model's terms.
    """
    for callback in callbacks:
        name = str(getattr(callback, "monitor", "")).removeprefix("val_")
        is_known = name in names or name.endswith("_distance")
        is_open = getattr(callback, "mode", None) == "auto" and is_known
        if is_open and not name.endswith(NEITHER):
            callback.mode = "max" if name.endswith(RISING) else "min"
