"""A folder of small images: reading, and epochs with and without the cache.

    python tests/benchmarks/images.py [--files 20000] [--side 64] [--epochs 1]

Writes PNGs with noise on gradients, in a temporary folder with a cache of its own, and
reads epochs of them in random order, alone and to train a tiny VAE: from the cache, as
`keras-gen train` does, and by a tf.data pipeline that decodes each file each time. The
first epoch of training, with all compilation, is not counted. Each line has the time
that passed, the time of all threads, and the memory that belongs to the process alone;
pages of the cache, which the system may drop, are beside it.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

BATCH_SIZE = 64


def write_images(folder, count, side):
    rng = np.random.default_rng(0)
    down, across = np.linspace(0, 1, side)[:, None, None], np.linspace(0, 1, side)
    for i in range(count):
        if i % 1000 == 0:
            (folder / f"{i // 1000:03}").mkdir(parents=True)
        shade = down * rng.random(3) + across[:, None] * rng.random(3)
        pixels = 100 * shade + rng.integers(0, 50, (side, side, 3))
        image = Image.fromarray(pixels.astype(np.uint8))
        image.save(folder / f"{i // 1000:03}" / f"{i:06}.png")


def timed(what, function):
    start, used = time.perf_counter(), time.process_time()
    found = function()
    times = time.perf_counter() - start, time.process_time() - used
    print(f"{what:34}{times[0]:8.1f} s {times[1]:8.1f} s   {memory()}", flush=True)
    return found


def memory():
    """Memory of this process alone, and of files mapped into it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError:
        return ""
    sizes = dict(line.split(":") for line in lines if line.startswith("Rss"))
    own, files = (int(sizes[key].split()[0]) / 1e3 for key in ("RssAnon", "RssFile"))
    return f"own {own:6,.0f} MB, of files {files:6,.0f} MB"


def epochs(what, model, x, number, **how):
    if number:
        model.fit(x, verbose=0, **how)
    for _ in range(number):
        timed(what, lambda: model.fit(x, verbose=0, **how))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["KERAS_GEN_CACHE"] = str(Path(place, "cache"))
        measure(Path(place, "images"), given.files, given.side, given.epochs)


def measure(folder, files, side, number):
    import tensorflow as tf

    from keras_gen.engine.batches import ArraySource, Epochs
    from keras_gen.zoo import load_data
    from keras_gen.zoo.decoding import read_image
    from keras_gen.zoo.recipe import find

    write_images(folder, files, side)
    timed("look at all files", lambda: load_data(folder))
    data = timed("look at them again", lambda: load_data(folder))
    train, preset = data.train, find("vae")
    timed("decode them into the cache", lambda: train.x.shape)
    timed("open the cache again", lambda: load_data(folder).train.x.shape)

    def read(index):
        return read_image(train.paths[index], train.image_shape)

    def decoded(index):
        image = tf.numpy_function(read, [index], tf.uint8)
        return tf.ensure_shape(image, train.image_shape)

    order = tf.data.Dataset.range(len(train)).shuffle(len(train))
    rows = order.map(decoded, num_parallel_calls=tf.data.AUTOTUNE)
    batches = rows.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
    model = preset.pinned(data.inputs, None, "tiny").build(0)
    source, step = ArraySource(train.x), model._counts["steps"]
    cached = Epochs(source, BATCH_SIZE, 32, seed=0, step=step)
    for name, read_all in {
        "from the cache": lambda: [0 for call in cached for _ in call],
        "that decodes": lambda: [0 for _ in batches],
    }.items():
        timed(f"an epoch {name}, read alone", read_all)
    epochs("an epoch from the cache", model, train.x, number, batch_size=BATCH_SIZE)
    model = preset.pinned(data.inputs, None, "tiny").build(0)
    epochs("an epoch that decodes", model, batches, number)


if __name__ == "__main__":
    main()
