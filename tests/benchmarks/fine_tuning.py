"""Fine-tuning: the loss after a fifth of the steps, beside training from nothing.

    KERAS_GEN_DATA=DATA python tests/benchmarks/fine_tuning.py --steps 940 1880

`flow_matching_mnist` learns Fashion-MNIST, once from its published weights, as
`keras-gen train flow_matching_mnist --data fashion_mnist --from flow_matching_mnist`
does, and once from nothing. For each number of steps, it prints the loss on 2,000
held-out images: after so many steps from nothing, and after a share of them from the
weights. The learning rate falls to 0 over each run.
"""

import argparse
import time

import numpy as np

from keras_gen import zoo
from keras_gen.zoo.fine_tuning import take_over

NAME, BATCH, HELD_OUT, SEED = "flow_matching_mnist", 64, 2000, 0


def trained(data, steps, *, fine_tuned):
    """The loss on held-out images after so many steps, and the seconds of training."""
    model = zoo.find_recipe(NAME).build(SEED, steps)
    if fine_tuned:
        take_over(model, zoo.load(NAME))
    order = np.random.default_rng(SEED).permutation(len(data.train))
    rows = np.resize(order, steps * BATCH)
    start = time.perf_counter()
    model.fit(data.train.x[rows], data.train.labels[rows], batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - start
    test = data.test.x[:HELD_OUT], data.test.labels[:HELD_OUT]
    loss = model.evaluate(*test, batch_size=500, verbose=0, return_dict=True)["loss"]
    return loss, seconds


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[940])
    parser.add_argument("--share", type=float, default=0.2)
    options = parser.parse_args()
    data = zoo.load_data("fashion_mnist")
    for steps in options.steps:
        runs = (steps, False), (round(options.share * steps), True)
        for count, fine_tuned in runs:
            loss, seconds = trained(data, count, fine_tuned=fine_tuned)
            start = "published weights" if fine_tuned else "nothing"
            print(f"{count:6} steps from {start:18} loss {loss:.4f}  {seconds:.0f} s")


if __name__ == "__main__":
    main()
