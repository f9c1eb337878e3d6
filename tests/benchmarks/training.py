"""Training speed of keras_gen and PyTorch, side by side on this machine.

    python tests/benchmarks/training.py [--rounds 5] [--steps 938] [--quality]
    python tests/benchmarks/training.py --recipes vqvae_mnist pix2pix_emoji --steps 40

Each framework runs in a process of its own and they take turns; one epoch before the
first round, with all compilation, is not counted.
"""

import argparse
import math
import statistics
import tempfile

from worker import PAIRED, Worker, batch_size, mnist_file, num_rows

WORKERS = {
    "keras_gen": ["keras_worker.py"],
    "torch eager": ["torch_worker.py", "eager"],
    "torch.compile": ["torch_worker.py", "compile"],
    "compile, fused": ["torch_worker.py", "tuned"],
}
TUNED = "compile, fused"
RECIPES = ("autoencoder_mnist", "vae_mnist", "gan_mnist", "dcgan_mnist")
FURTHER = ("vqvae_mnist", "pix2pix_emoji")
QUALITY_RECIPE, QUALITY_EPOCHS = "autoencoder_mnist", 10
BUSY = 1.5


def speed(workers, recipe, rounds, steps, epochs):
    """Training steps per second by worker, one value per round.

    Args:
        workers: Workers by name.
        recipe: Name of the recipe.
        rounds: Number of rounds.
        steps: Most steps of an epoch.
        epochs: Epochs of each turn.
    """
    rows = num_rows(recipe, steps)
    sizes = {w.ask("build", recipe=recipe, rows=rows) for w in workers.values()}
    if len(sizes) > 1:
        raise RuntimeError(f"{recipe}: the networks differ in size: {sizes}.")
    for worker in workers.values():
        worker.ask("train")
    steps = epochs * math.ceil(rows / batch_size(recipe))
    seconds = [
        {name: worker.ask("train", epochs=epochs) for name, worker in workers.items()}
        for _ in range(rounds)
    ]
    return {name: [steps / turn[name] for turn in seconds] for name in workers}


def print_speed(recipe, rates):
    """One line per framework; keras_gen over the faster plain and the tuned PyTorch."""
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        extremes = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{recipe:20}{name:16}{medians[name]:8.0f}   {extremes}")
    plain = {k: v for k, v in medians.items() if k not in ("keras_gen", TUNED)}
    rivals = [max(plain, key=plain.get)] if plain else []
    rivals += [TUNED] if TUNED in medians else []
    for rival in rivals if "keras_gen" in rates else []:
        ratios = [a / b for a, b in zip(rates["keras_gen"], rates[rival], strict=True)]
        print(
            f"{recipe:20}keras_gen / {rival}: {statistics.median(ratios):.2f} "
            f"(median of the rounds, {min(ratios):.2f} to {max(ratios):.2f})"
        )
    if any(max(values) > BUSY * min(values) for values in rates.values()):
        print("The rounds differ widely: the machine is busy, repeat this when quiet.")


def quality(workers, rows, seeds):
    """Prints the test cross-entropy of the autoencoder after ten epochs."""
    print(f"\nTest cross-entropy of {QUALITY_RECIPE}, {QUALITY_EPOCHS} epochs, nats")
    cases = [("keras_gen", None, "Glorot uniform, zero biases")]
    cases += [("torch eager", None, "PyTorch's default initialisation")]
    cases += [("torch eager", "glorot", "Glorot uniform, zero biases")]
    scores = {case: [] for case in cases if case[0] in workers}
    for seed in range(seeds):
        for name, init, label in scores:
            worker = workers[name]
            request = {"rows": rows, "seed": seed, "init": init}
            worker.ask("build", recipe=QUALITY_RECIPE, **request)
            worker.ask("train", epochs=QUALITY_EPOCHS)
            scores[name, init, label].append(worker.ask("score"))
    for (name, _, label), values in scores.items():
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name:16}{label:36}{statistics.mean(values):8.2f}   seeds: {each}")


def data_of(recipe, steps):
    """The data of a recipe, in words."""
    real = "MNIST" if mnist_file() else "random images of MNIST's shape"
    kind = "pairs of random 64x64x3 images" if recipe in PAIRED else real
    return f"{num_rows(recipe, steps)} {kind}; batch {batch_size(recipe)}"


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=938, help="per epoch")
    parser.add_argument("--epochs", type=int, default=1, help="per turn")
    parser.add_argument("--workers", nargs="+", choices=WORKERS, default=list(WORKERS))
    every = (*RECIPES, *FURTHER)
    parser.add_argument("--recipes", nargs="+", choices=every, default=RECIPES)
    parser.add_argument("--quality", action="store_true", help="test loss, no speed")
    parser.add_argument("--seeds", type=int, default=3, help="of --quality")
    options = parser.parse_args()
    if options.quality and not mnist_file():
        parser.error("--quality needs the real MNIST: set KERAS_GEN_DATA.")
    print("Adam; float32")
    for recipe in [QUALITY_RECIPE] if options.quality else options.recipes:
        print(f"{recipe:20}{data_of(recipe, options.steps)}")
    with tempfile.TemporaryFile("w+") as log:
        workers = {name: Worker(WORKERS[name], log) for name in options.workers}
        try:
            if options.quality:
                rows = num_rows(QUALITY_RECIPE, options.steps)
                quality(workers, rows, options.seeds)
                return
            print(f"{'recipe':20}{'framework':16}{'steps/s':>8}   range of the rounds")
            for recipe in options.recipes:
                turns = options.rounds, options.steps, options.epochs
                print_speed(recipe, speed(workers, recipe, *turns))
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
