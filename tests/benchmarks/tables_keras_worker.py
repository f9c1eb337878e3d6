"""keras_gen: a GAN and a VAE of the sizes of ctgan, or the recipes of diamonds."""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
from tables_worker import BATCH_SIZE, NOISE, UNITS, TableTrainer  # noqa: E402
from worker import serve  # noqa: E402

import keras_gen as kg  # noqa: E402
from keras_gen import zoo  # noqa: E402


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())


def networks(kind, spec):
    if kind == "vae":
        return kg.networks.mlp_vae(spec, NOISE, units=UNITS[kind])
    units = {f"{name}_units": UNITS[kind] for name in ("generator", "discriminator")}
    return kg.networks.mlp_gan(spec.shape, NOISE, **units)


class Keras(TableTrainer):
    def epochs(self, kind, epochs, seed=0):
        keras.utils.set_random_seed(seed)
        spec = kg.specs.Columns.infer(self.table)
        family = kg.GAN if kind == "gan" else kg.VAE
        self.model = family(*networks(kind, spec), inputs=spec, seed=seed)
        self.model.compile()
        clock, how = Clock(), {"batch_size": BATCH_SIZE, "epochs": epochs}
        self.model.fit(self.table, verbose=0, callbacks=[clock], **how)
        return clock.ends

    def run(self, folder):
        """Takes the model of a run."""
        self.model = zoo.load(folder)

    def rows(self, num):
        return self.model.inputs.to_frame(self.model.sample(num, seed=0))


if __name__ == "__main__":
    serve(Keras())
