"""keras_gen: the networks' and the recipe's defaults, `fit` and `complete`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
from language_worker import (  # noqa: E402
    BATCH_SIZE,
    CONTEXT,
    DEPTH,
    HEADS,
    UNITS,
    VOCABULARY,
    WIDTH,
    LanguageTrainer,
)
from worker import serve  # noqa: E402

import keras_gen as kg  # noqa: E402
from keras_gen.zoo.optimizing import Cosine, compiled  # noqa: E402

SIZES = {"width": WIDTH, "depth": DEPTH, "heads": HEADS, "context": CONTEXT}
NETWORKS = {
    "transformer": lambda: kg.networks.causal_transformer(VOCABULARY, **SIZES),
    "lstm": lambda: kg.networks.recurrent(VOCABULARY, width=WIDTH, units=(UNITS,)),
}


class KerasLanguage(LanguageTrainer):
    def make(self, model, steps, seed):
        keras.utils.set_random_seed(seed)
        self.model = kg.Autoregressive(NETWORKS[model](), seed=seed)
        compiled(
            self.model, Cosine(2e-3, steps, min(100, steps // 2)), steps, beta_2=0.99
        )
        return self.model.count_params()

    def epoch(self):
        self.model.fit(self.train_rows, batch_size=BATCH_SIZE, shuffle=False, verbose=0)

    def write(self, num):
        return self.model.complete([[0]], num, seed=0)

    def losses(self):
        return -self.model.token_log_probs(self.test_rows)[:, 1:]


if __name__ == "__main__":
    serve(KerasLanguage())
