"""What the flows of both frameworks share: their sizes, the data, the training.

A worker is a process of its own, see `worker.py`. Densities are those of the data's own
units; both standardise the data by the training rows.
"""

import numpy as np
from worker import seconds_of

BATCH_SIZE = 256
LEARNING_RATE = 1e-3
UNITS = (64, 64)
BINS = 8
LAYERS = {"RealNVP": 8, "MAF": 5, "NSF": 5}  # NSF autoregressive, zuko's default


class FlowTrainer:
    """A subclass writes `make`, `epochs`, `draw`, `log_prob`, `weights`, `restore`."""

    def build(self, model, path, seed=0, *, quick=True):
        """A new model for the arrays `train`, `test` and perhaps `valid` of a file.

        With `quick`, compiled as its framework does for speed, which takes time.

        Returns:
            The number of trainable weights.
        """
        with np.load(path) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        self.x, self.quick = self.arrays["train"], quick
        return self.make(model, seed)

    def train(self, epochs=1):
        """Seconds that so many epochs took."""
        return seconds_of(lambda: self.epochs(epochs))

    def sample(self, num):
        """Seconds that so many samples took."""
        return seconds_of(lambda: self.draw(num))

    def score(self):
        """Log-likelihood of each held-out example, nats."""
        return np.asarray(self.log_prob(self.arrays["test"]), np.float64).tolist()

    def stop_early(self, epochs, patience):
        """Trains until the validation rows gain nothing; goes back to the best epoch.

        Returns:
            The best number of epochs.
        """
        best, kept, best_epoch = -np.inf, self.weights(), 0
        for epoch in range(1, epochs + 1):
            self.epochs(1)
            value = np.mean(self.log_prob(self.arrays["valid"]), dtype=np.float64)
            if value > best:
                best, kept, best_epoch = value, self.weights(), epoch
            if epoch - best_epoch >= patience:
                break
        self.restore(kept)
        return best_epoch
