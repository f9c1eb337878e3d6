"""Diffusion of keras_gen and diffusers (PyTorch), side by side on this machine.

    python tests/benchmarks/diffusion.py [--rounds 5] [--train-steps 64] [--steps 20]

Equal are the task (the noise in MNIST under DDPM's schedule), Adam, the batch, float32,
about 1.15 million weights, three sizes of 28 x 28 images, group normalization with 8
groups, scale and shift from the noise level, attention with 4 heads at the smallest
size, no dropout and no moving average; in sampling the solver and the calls of the
network. Not equal are the networks: ours has as many blocks on the way up as on the way
down, diffusers one more at each size; for as many weights ours has 80 channels at the
smallest size, diffusers 64. Each is what its library offers by default, in the other
arguments.

Each framework runs in a process of its own with as many threads as it takes, all cores,
and they take turns; one turn before the first round, with all compilation, is not
counted. The last lines compare `sample` of keras_gen with as many calls of its network
in one graph.
"""

import argparse
import importlib.util
import statistics
import tempfile

from diffusion_worker import SOLVERS
from flows import print_rates, rates
from worker import BATCH_SIZE, Worker, mnist_file

WORKERS = {
    "keras_gen": ["diffusion_keras_worker.py"],
    "eager": ["diffusion_torch_worker.py", "eager"],
    "compile": ["diffusion_torch_worker.py", "compile"],
}
INSTALL = "pip install torch==2.13.0 diffusers==0.42.1"


def train(workers, options):
    """Prints training steps per second."""
    print(f"\nTraining, batch {BATCH_SIZE}")
    steps = options.train_steps
    print_rates("steps/s", rates(workers, steps, options.rounds, "train"), digits=2)


def sample(workers, options):
    """Prints images per second and the time of one, by solver and batch size."""
    for solver in options.solvers:
        for size in options.batches:
            print(f"\nSampling, {solver}, {options.steps} steps, batch {size}")
            calls = max(1, options.images // size)
            asked = {"batch_size": size, "calls": calls, "steps": options.steps}
            turns = size * calls, options.rounds, "sample"
            measured = rates(workers, *turns, solver=solver, **asked)
            print_rates("images/s", measured, digits=2)
            times = {k: 1000 / statistics.median(v) for k, v in measured.items()}
            each = ", ".join(f"{k} {v:.1f} ms" for k, v in times.items())
            print(f"  time per image: {each}")


def loop(worker, options):
    """Prints how much longer `sample` takes than the calls of the network."""
    print("\nTime of sample over that of its calls of the network, keras_gen")
    for size in options.batches:
        calls = max(1, options.images // size)
        asked = {"batch_size": size, "calls": calls, "steps": options.steps}
        solver, ratios = options.solvers[0], []
        for _ in range(options.rounds + 1):
            whole = worker.ask("sample", solver=solver, **asked)
            ratios.append(whole / worker.ask("network", **asked))
        first, *counted = ratios
        print(
            f"  {solver}, batch {size}: {statistics.median(counted):.2f} (median of "
            f"the rounds, {min(counted):.2f} to {max(counted):.2f})"
        )


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train-steps", type=int, default=64, help="per turn")
    parser.add_argument("--images", type=int, default=32, help="drawn per turn")
    parser.add_argument("--steps", type=int, default=20, help="of the solver")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS)
    parser.add_argument("--workers", nargs="+", choices=WORKERS, default=list(WORKERS))
    return parser.parse_args()


def main():
    """Runs the command line."""
    options = parse()
    needed = ("torch", "diffusers") if set(options.workers) != {"keras_gen"} else ()
    if missing := [name for name in needed if not importlib.util.find_spec(name)]:
        raise SystemExit(f"{' and '.join(missing)} not installed: {INSTALL}")
    rows = options.train_steps * BATCH_SIZE
    kind = "MNIST" if mnist_file() else "random images of MNIST's shape"
    print(f"{kind}; Adam; float32")
    with tempfile.TemporaryFile("w+") as log:
        workers = {name: Worker(WORKERS[name], log) for name in options.workers}
        try:
            sizes = {k: worker.ask("build", rows=rows) for k, worker in workers.items()}
            counts = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
            print(f"Weights: {counts}")
            train(workers, options)
            sample(workers, options)
            if "keras_gen" in workers:
                loop(workers["keras_gen"], options)
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
