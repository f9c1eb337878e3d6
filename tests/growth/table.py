"""A VAE of a table with numeric, integer and categorical columns."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import specs

FIT = {"batch_size": 250, "verbose": 0}


def read():
    """Diamonds, or homes whose columns depend on each other as theirs do."""
    path = Path(os.environ.get("KERAS_GEN_DATA", ""), "diamonds.csv")
    if path.is_file():
        table = pd.read_csv(path)
    else:
        rng = np.random.default_rng(0)
        size, kind = rng.gamma(4, 25, 12_000), rng.integers(0, 3, 12_000)
        rooms = np.clip(size / (20 + 5 * kind) + rng.normal(size=12_000), 1, 9)
        price = size * (2000 + 800 * kind) * np.exp(rng.normal(0, 0.1, 12_000))
        table = {"size": size, "rooms": rooms.round().astype(int)}
        table |= {"kind": np.array(["flat", "house", "villa"])[kind], "price": price}
        table = pd.DataFrame(table).astype({"price": int})
    return table.sample(frac=1, random_state=0)


def independent(spec, train, test):
    """Nats per row of columns that know nothing of each other, as a baseline."""
    nats = 0.0
    for column in spec.columns:
        a, b = train[column.name], test[column.name]
        if isinstance(column, specs.Category):
            nats += np.log(a.value_counts(normalize=True).loc[b].to_numpy()).mean()
        else:  # normal, also of integers
            far = ((b - a.mean()) / a.std()) ** 2
            nats -= 0.5 * far.mean() + np.log(a.std() * np.sqrt(2 * np.pi))
    return float(nats)


def apart(spec, made, held_out):
    """How far the marginals of two tables are apart, in [0, 1]."""
    found = {}
    for column in spec.columns:
        a, b = made[column.name], held_out[column.name]
        if isinstance(column, specs.Category):
            shares = [t.value_counts(normalize=True) for t in (a, b)]
            found[column.name] = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
        else:  # Kolmogorov and Smirnov
            at = np.sort(b.to_numpy())
            ranks = [np.searchsorted(np.sort(t), at, side="right") for t in (a, b)]
            found[column.name] = np.abs(ranks[0] / len(a) - ranks[1] / len(b)).max()
    return {name: round(float(value), 3) for name, value in found.items()}


def parity(model, spec, folder, examples):
    """The largest difference of a column between Keras and what is deployed."""
    served = kg.export.saved_model(model, folder / "served", examples=examples)
    phone = kg.export.tflite(model, folder / "table.tflite", examples=examples)
    served = tf.saved_model.load(str(served)).signatures["sample"]
    lite = Interpreter(str(phone)).get_signature_runner("sample")
    seeds = kg.random.row_seeds(7, 100)
    rows = model.sample(100, seed=7)
    on_phone = [lite(seed=seeds[i : i + 1])["sample"] for i in range(100)]
    both = served(seed=tf.constant(seeds))["sample"].numpy(), np.concatenate(on_phone)
    return float((np.abs(np.stack(both) - rows) / np.maximum(1, np.abs(rows))).max())


def main(folder, epochs=30):
    """Trains, saves, resumes, samples, exports and evaluates."""
    table = read()
    spec = specs.Columns.infer(table)
    train, test = table[: -len(table) // 6], table[-len(table) // 6 :]
    keras.utils.set_random_seed(0)
    pair = kg.networks.mlp_vae(spec, latent_dim=8, units=(256, 128))
    model = kg.VAE(*pair, inputs=spec, seed=0)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=10.0))
    logs = [keras.callbacks.CSVLogger(folder / "table.csv")]
    model.fit(train, epochs=epochs, validation_data=test, callbacks=logs, **FIT)
    model.save(folder / "table.keras")
    model.fit(train[:5000], **FIT)
    subprocess.run([sys.executable, __file__, "resume", folder], check=True)
    made = spec.to_frame(model.sample(5000, seed=1))
    made.to_csv(folder / "samples.csv", index=False)
    return {
        "resumed": float(np.abs(np.load(folder / "weights.npy") - flat(model)).max()),
        "parity": parity(model, spec, folder, test),
        "elbo": model.evaluate(test, verbose=0, return_dict=True)["elbo"],
        "independent": independent(spec, train, test),
        "apart": apart(spec, made, test),
    }


def flat(model):
    """All weights in a row."""
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


if __name__ == "__main__":
    if sys.argv[1:2] == ["resume"]:
        folder, table = Path(sys.argv[2]), read()
        model = keras.saving.load_model(folder / "table.keras")
        model.fit(table[:5000], **FIT)
        np.save(folder / "weights.npy", flat(model))
    else:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(main(Path(name))))
