"""ctgan: CTGAN and TVAE with their defaults, and the scores of sdmetrics."""

import time
import warnings

import ctgan
import numpy as np
import pandas as pd
import torch
from sdmetrics.reports.single_table import QualityReport
from sklearn.ensemble import HistGradientBoostingRegressor
from tables_worker import BATCH_SIZE, CATEGORIES, NOISE, UNITS, TableTrainer
from worker import serve

warnings.simplefilter("ignore")
MODULES = {
    "gan": ctgan.synthesizers.ctgan,
    "vae": ctgan.synthesizers.tvae,
}
NETWORKS = {
    "gan": {
        "embedding_dim": NOISE,
        "generator_dim": UNITS["gan"],
        "discriminator_dim": UNITS["gan"],
    },
    "vae": {
        "embedding_dim": NOISE,
        "compress_dims": UNITS["vae"],
        "decompress_dims": UNITS["vae"],
    },
}
CLASSES = {"gan": ctgan.CTGAN, "vae": ctgan.TVAE}


class Clock:
    """In place of the bar of progress: the times at the ends of epochs."""

    def __init__(self, epochs, **_):
        self.epochs, self.ends = epochs, []
        Clock.last = self

    def __iter__(self):
        for epoch in self.epochs:
            yield epoch
            self.ends.append(time.perf_counter())

    def set_description(self, text):
        pass


class Torch(TableTrainer):
    def epochs(self, kind, epochs, seed=0):
        torch.manual_seed(seed)
        np.random.seed(seed)
        MODULES[kind].tqdm = Clock
        how = NETWORKS[kind] | {"batch_size": BATCH_SIZE, "epochs": epochs}
        self.model = CLASSES[kind](**how, enable_gpu=False)
        self.model.fit(self.table, CATEGORIES)
        return Clock.last.ends

    def rows(self, num):
        return self.model.sample(num)

    def score(self, path, held_out):
        """The quality of sdmetrics, and R2 of prices, on held-out rows."""
        drawn, truth = pd.read_csv(path), pd.read_csv(held_out)
        drawn = drawn[list(truth)]
        kinds = {
            name: {"sdtype": "categorical" if name in CATEGORIES else "numerical"}
            for name in truth
        }
        report = QualityReport()
        report.generate(truth, drawn, {"columns": kinds}, verbose=False)
        parts = dict(report.get_properties().values)
        found = {"quality": report.get_score(), **parts}
        values = {name: sorted(truth[name].unique()) for name in CATEGORIES}

        def features(table):
            table = table.drop(columns="price").copy()
            for name, known in values.items():
                table[name] = pd.Categorical(table[name], known).codes
            return table.astype(float)

        model = HistGradientBoostingRegressor(random_state=0)
        model.fit(features(drawn), drawn["price"])
        return found | {"r2": model.score(features(truth), truth["price"])}


if __name__ == "__main__":
    serve(Torch())
