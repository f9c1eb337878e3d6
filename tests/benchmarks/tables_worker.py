"""What both libraries of tables do: train by epochs, and draw rows into a file."""

import time

import pandas as pd

BATCH_SIZE = 500
NOISE = 128
UNITS = {"gan": (256, 256), "vae": (128, 128)}
CATEGORIES = ["cut", "color", "clarity"]


class TableTrainer:
    """A library in a process of its own; see `worker.serve`."""

    def load(self, path, rows=None):
        self.table = pd.read_csv(path, nrows=rows)
        return len(self.table)

    def train(self, kind, epochs):
        """Seconds of each epoch after the first."""
        ends = self.epochs(kind, epochs + 1)
        return [b - a for a, b in zip(ends, ends[1:], strict=False)]

    def draw(self, num, path):
        start = time.perf_counter()
        self.rows(num).to_csv(path, index=False)
        return time.perf_counter() - start
