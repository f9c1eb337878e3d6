"""What both frameworks share in the benchmark of language models."""

import numpy as np
from worker import seconds_of

VOCABULARY, CONTEXT, BATCH_SIZE = 65, 64, 12
WIDTH, DEPTH, HEADS = 128, 4, 4  # of the transformer
UNITS = 256  # of the LSTM


class LanguageTrainer:
    """A subclass writes `make`, `epoch`, `write` and `losses`."""

    def build(self, model, file, steps, seed=0):
        """A new model and its windows, int `(rows, CONTEXT + 1)`.

        Args:
            model: "transformer" or "lstm".
            file: `.npz` with `train` and `test`.
            steps: Steps of the whole training, for the learning rate.
            seed: Of the weights.

        Returns:
            The number of trainable weights.
        """
        with np.load(file) as arrays:
            self.train_rows, self.test_rows = arrays["train"], arrays["test"]
        return self.make(model, steps, seed)

    def train(self, epochs=1):
        """Seconds that so many passes over the windows took."""
        return seconds_of(lambda: [self.epoch() for _ in range(epochs)])

    def generate(self, num, calls):
        """Seconds that texts of `num` tokens took, one after the other."""
        return seconds_of(lambda: [self.write(num) for _ in range(calls)])

    def score(self):
        """Mean loss of the last `CONTEXT` tokens of the test windows, nats."""
        return float(np.mean(self.losses()))
