"""Class asked = class drawn, by class, of equal numbers of samples.

KERAS_GEN_DATA=DATA python tests/benchmarks/classes.py runs/diffusion_emoji
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

from keras_gen import zoo  # noqa: E402
from keras_gen.zoo import evaluation, store  # noqa: E402
from keras_gen.zoo.extractors import extractor_for  # noqa: E402


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="a run of a model that is given a class")
    parser.add_argument("--num", type=int, default=90, help="samples of each class")
    options = parser.parse_args()
    model = zoo.load(options.run)
    data = evaluation.data_of(options.run, model)
    judge = extractor_for(model.inputs, store.data_name(options.run))
    shares = []
    for number, name in enumerate(data.class_names):
        asked = np.full(options.num, number)
        samples = model.sample(options.num, condition=asked, seed=0)
        found = judge(samples).probabilities
        shares.append(np.mean(found.argmax(-1) == number))
        print(f"{name:20} {shares[-1]:.3f}", flush=True)
    print(f"{'all':20} {np.mean(shares):.3f}")


if __name__ == "__main__":
    main()
