"""How much of the machine's floating-point rate the training of `gan_mnist` reaches.

    python tests/benchmarks/flops.py [--rounds 5] [--steps 938]

The yardstick is the rate of compiled products of float32 matrices, 1024 x 1024, in the
same process; training and products take turns. Operations of a step are counted from
the sizes of the dense layers: two per multiplication and addition, no others.
"""

import argparse
import math
import statistics
import tempfile

from worker import BATCH_SIZE, NUM_IMAGES, Worker

RECIPE = "gan_mnist"
GENERATOR, DISCRIMINATOR = (100, 256, 512, 1024, 784), (784, 512, 256, 1)
SIZE, PRODUCTS = 1024, 200


def layer_products(sizes):
    """Multiplications of one example with the kernel of each dense layer."""
    return [a * b for a, b in zip(sizes, sizes[1:], strict=False)]


def step_flops(batch_size):
    """Floating-point operations of one step of both players.

    A forward pass, a gradient of the input and one of the weights take as many
    multiplications each; what enters the first layer needs no gradient, but for the
    fakes in the generator's own step.
    """
    generator, discriminator = map(layer_products, (GENERATOR, DISCRIMINATOR))
    generation = 3 * sum(generator) - generator[0]
    judgement = 3 * sum(discriminator) - discriminator[0]  # of real ones, or of fakes
    advice = 2 * sum(discriminator)  # to the generator: forward, gradient of the fakes
    return 2 * batch_size * (generation + 2 * judgement + advice)


def rates(worker, rounds, rows):
    """Steps per second, and operations per second of products, one pair per round."""
    flops = PRODUCTS * 2 * SIZE**3
    steps = math.ceil(rows / BATCH_SIZE)
    worker.ask("build", recipe=RECIPE, rows=rows)
    turns = [
        (worker.ask("train"), worker.ask("product", size=SIZE, count=PRODUCTS))
        for _ in range(rounds + 1)
    ]
    return [(steps / a, flops / b) for a, b in turns[1:]]  # the first compiles


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=938, help="per round")
    options = parser.parse_args()
    rows = min(NUM_IMAGES, options.steps * BATCH_SIZE)
    with tempfile.TemporaryFile("w+") as log:
        worker = Worker(["keras_worker.py"], log)
        try:
            pairs = rates(worker, options.rounds, rows)
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            worker.close()
    flops = step_flops(BATCH_SIZE)
    steps, products = (statistics.median(values) for values in zip(*pairs, strict=True))
    shares = [flops * a / b for a, b in pairs]
    print(f"{RECIPE}: {steps:.0f} steps/s of {flops / 1e9:.3f} GFLOP")
    print(f"training {flops * steps / 1e9:.1f} GFLOP/s")
    print(f"products of {SIZE} x {SIZE} float32 matrices {products / 1e9:.1f} GFLOP/s")
    print(
        f"share {statistics.median(shares):.2f} "
        f"(median of the rounds, {min(shares):.2f} to {max(shares):.2f})"
    )


if __name__ == "__main__":
    main()
