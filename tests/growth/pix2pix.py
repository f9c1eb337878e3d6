"""Pix2Pix as a stranger writes it, from training to export; prints figures as JSON."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

import keras_gen as kg

PAINTED, SKETCH = kg.specs.Images(16, 16, 3), kg.specs.Images(16, 16, 1)
LOSS, EPOCHS = kg.LeastSquares(), 8
WARM = [[0.9, 0.6, 0.1], [0.1, 0.2, 0.6]]


def unet(channels):
    """Images of some channels to painted ones, both on [-1, 1]."""
    how = {"kernel_size": 4, "strides": 2, "padding": "same", "activation": "relu"}
    whole = keras.Input((16, 16, channels))
    half = layers.Conv2D(16, **how)(whole)
    x = layers.Conv2DTranspose(16, **how)(layers.Conv2D(32, **how)(half))
    x = layers.Conv2DTranspose(16, **how)(layers.Concatenate()([x, half]))
    x = layers.Conv2D(3, 3, padding="same")(layers.Concatenate()([x, whole]))
    return keras.Model(whole, layers.Activation("tanh")(x))


def patches(channels):
    """A discriminator of patches: logits `(batch, 4, 4, 1)`."""
    how = {"strides": 2, "padding": "same", "activation": "leaky_relu"}
    first, second = layers.Conv2D(16, 4, **how), layers.Conv2D(32, 4, **how)
    last = layers.Conv2D(1, 3, padding="same")
    return keras.Sequential([keras.Input((16, 16, channels)), first, second, last])


@keras.saving.register_keras_serializable("growth")
class Pix2Pix(kg.capabilities.Translates, kg.GenerativeModel):
    """Paints sketches, of pairs: `fit(painted, sketches)`; Isola et al. 2017."""

    arguments, draws_translations = ("painter", "judge"), False

    def __init__(self, painter, judge, **kwargs):
        averaged = kg.Player("painter", painter, ema_decay=0.9)
        how = {"players": (kg.Player("judge", judge), averaged), "signed": True}
        super().__init__(PAINTED, condition=SKETCH, **how, **kwargs)
        self.painter, self.judge = painter, judge

    def translate_rows(self, x, seed=None):
        """Painted sketches; see `Translates.translate`."""
        return kg.rows.run_rows(self, self.painted, {"x": (x, self.source)})

    def painted(self, x):
        """The same of tensors."""
        made = self.network_of("painter")(self.condition_scale.inward(x))
        return self.scale.outward(made)

    def turns(self, x, condition, noise, *, training):
        """The judge's move on a batch, then the painter's."""
        x, sketch = self.scale.inward(x), self.condition_scale.inward(condition)
        made = self.painter(sketch, training=training)
        real, fake = (ops.concatenate([sketch, image], -1) for image in (x, made))
        loss = LOSS.discriminator(self.judge(real), self.judge(fake))
        yield "judge", {"judge_loss": ops.mean(loss)}
        l1 = ops.mean(ops.abs(x - made))
        loss = ops.mean(LOSS.generator(self.judge(fake))) + 100 * l1
        yield "painter", {"painter_loss": loss, "l1": l1}


def squares(number, seed, *colours):
    """Rectangles of one colour on another, in [0, 1]."""
    at, low, high = np.arange(16), [1, 1, 9, 9], [8, 8, 16, 16]
    ends = np.random.default_rng(seed).integers(low, high, (number, 4))[..., None]
    rows, columns = ((ends[:, i] <= at) & (at < ends[:, i + 2]) for i in (0, 1))
    inside = rows[:, :, None, None] & columns[:, None, :, None]
    return np.where(inside, *np.asarray(colours, np.float32))


def live(make, data, source, target):
    """Trains, logs, saves, goes on elsewhere, translates, exports, evaluates."""
    if len(sys.argv) > 1:  # elsewhere
        model = keras.saving.load_model(f"{sys.argv[1]}/{EPOCHS // 2}.keras")
        model.fit(*data, epochs=EPOCHS, initial_epoch=EPOCHS // 2, verbose=0)
        return np.savez(f"{sys.argv[1]}/again.npz", *model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(0)
        model = make()
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5))
        saved = keras.callbacks.ModelCheckpoint(f"{folder}/{{epoch}}.keras")
        log = keras.callbacks.CSVLogger(f"{folder}/log.csv")
        grid = kg.callbacks.SampleGrid(f"{folder}/grid.png", examples=source[:16])
        model.fit(*data, epochs=EPOCHS, callbacks=[saved, log, grid], verbose=0)
        subprocess.run([sys.executable, sys.argv[0], folder], check=True)
        again = np.load(f"{folder}/again.npz").values()
        made = kg.metrics.evaluate(model, target, source)
        apart = abs(model.translate(source)[..., None, :] - np.float32(WARM)).mean(-1)
        pairs = zip(model.get_weights(), again, strict=True)
        served = kg.export.saved_model(model, f"{folder}/served", examples=source)
        lite = kg.export.tflite(model, f"{folder}/model.tflite", examples=source)
        checked = [v for path in (served, lite) for v in kg.export.check(path).values()]
        figures = {
            "logged": Path(f"{folder}/log.csv").read_text(),
            "drawn": Path(f"{folder}/grid.png").stat().st_size,
            "evaluated": model.evaluate(*data, verbose=0, return_dict=True),
            "resumed": max(abs(a - b).max() for a, b in pairs),
            "copied": abs(source - target).mean(),
            "apart": apart.min(axis=-1).mean(),
            "made": {k: float(v) for k, v in made.items()},
            "parity": max(found["translate"]["error"] for found in checked),
        }
        return print(json.dumps(figures, default=float))


if __name__ == "__main__":
    pairs = squares(800, 1, *WARM), squares(800, 1, [1], [0])
    unseen = squares(64, 2, [1], [0]), squares(64, 2, *WARM)
    live(lambda: Pix2Pix(unet(1), patches(4), seed=0), pairs, *unseen)
