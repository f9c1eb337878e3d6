"""Normalizing flows of keras_gen and zuko (PyTorch), side by side on this machine.

    python tests/benchmarks/flows.py [--rounds 5] [--steps 200] [--quality]

Same layers, hidden units, Adam, batch size and data; the initial weights are those of
each library. keras_gen has activation normalization or a linear map between the layers,
zuko reverses the values. Each framework runs in a process of its own and they take
turns; one turn before the first round, with all compilation, is not counted. Training
repeats the training rows up to `--steps` full batches.

`--quality` prints no speed, but the held-out log-likelihood of breast_cancer in five
folds: a tenth of the training rows decides, for both alike, when to stop.
"""

import argparse
import importlib.util
import statistics
import tempfile
from pathlib import Path

import numpy as np
from flow_worker import BATCH_SIZE, LAYERS
from worker import Worker

WORKERS = {
    "keras_gen": ["flow_keras_worker.py"],
    "zuko eager": ["flow_torch_worker.py", "eager"],
    "zuko compile": ["flow_torch_worker.py", "compile"],
}
DATA = ("two_moons", "breast_cancer")
FOLDS, VALIDATION = 5, 0.1
BUSY = 1.5
INSTALL = "pip install torch==2.13.0 && pip install --no-deps zuko"


def arrays(name):
    """Training and test rows of a data set, float32."""
    from keras_gen.zoo import data

    loaded = data.load(name)
    return loaded.train.head(len(loaded.train)), loaded.test.head(len(loaded.test))


def build(workers, model, path, **options):
    """Builds the model everywhere; the numbers of weights as text."""
    request = {"model": model, "path": str(path), **options}
    sizes = {name: worker.ask("build", **request) for name, worker in workers.items()}
    return ", ".join(f"{name} {size:,}" for name, size in sizes.items())


def rates(workers, amount, rounds, action, **request):
    """`amount` per second by worker, one value per round, in turns."""
    for worker in workers.values():
        worker.ask(action, **request)
    turns = [
        {name: worker.ask(action, **request) for name, worker in workers.items()}
        for _ in range(rounds)
    ]
    return {name: [amount / turn[name] for turn in turns] for name in workers}


def print_rates(unit, rates, digits=0):
    """One line per framework, and keras_gen over the faster of the others."""
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        extremes = f"{min(values):,.{digits}f} to {max(values):,.{digits}f}"
        print(f"  {name:14}{medians[name]:>12,.{digits}f} {unit:10} {extremes}")
    rivals = {k: v for k, v in medians.items() if k != "keras_gen"}
    if rivals and "keras_gen" in rates:
        rival = max(rivals, key=rivals.get)
        ratios = [a / b for a, b in zip(rates["keras_gen"], rates[rival], strict=True)]
        print(
            f"  keras_gen / {rival}: {statistics.median(ratios):.2f} "
            f"(median of the rounds, {min(ratios):.2f} to {max(ratios):.2f})"
        )
    if any(max(values) > BUSY * min(values) for values in rates.values()):
        print("  The rounds differ widely: the machine is busy, repeat when quiet.")


def mean_and_error(values):
    """Mean and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


def print_scores(scores):
    """Held-out nats per framework, and keras_gen minus zuko, in pairs.

    Args:
        scores: Values of the same examples, or folds, by framework.
    """
    for name, values in scores.items():
        mean, error = mean_and_error(values)
        print(f"  {name:14}log-likelihood {mean:.3f} ± {error:.3f}")
    for name in scores if "keras_gen" in scores else ():
        if name != "keras_gen":
            gains = np.subtract(scores["keras_gen"], scores[name])
            mean, error = mean_and_error(gains)
            print(f"  keras_gen - {name}: {mean:+.3f} ± {error:.3f}")


def compare(workers, options, folder):
    """Prints speed, and log-likelihood after equally many epochs."""
    for name in options.data:
        train, test = arrays(name)
        many = np.resize(train, (options.steps * BATCH_SIZE, train.shape[1]))
        np.savez(folder / "speed.npz", train=many, test=test)
        np.savez(folder / "score.npz", train=train, test=test)
        for model in options.models:
            print(f"\n{model}, {name}, {LAYERS[model]} layers")
            print(f"  weights: {build(workers, model, folder / 'speed.npz')}")
            turns = options.rounds, "train"
            print_rates("steps/s", rates(workers, options.steps, *turns))
            turns = options.rounds, "sample"
            drawn = {"num": options.samples}
            print_rates("samples/s", rates(workers, options.samples, *turns, **drawn))
            judged = judges(workers)
            build(judged, model, folder / "score.npz", quick=False)
            for worker in judged.values():
                worker.ask("train", epochs=options.epochs)
            print(f"  after {options.epochs} epochs, {len(test):,} held-out rows, nats")
            print_scores({k: worker.ask("score") for k, worker in judged.items()})


def quality(workers, options, folder):
    """Prints the held-out log-likelihood of breast_cancer in five folds."""
    x = np.concatenate(arrays("breast_cancer"))
    x = x[np.random.default_rng(0).permutation(len(x))]
    folds = np.array_split(np.arange(len(x)), FOLDS)
    judged = judges(workers)
    for model in options.models:
        print(f"\n{model}, breast_cancer, {FOLDS} folds, nats")
        scores, epochs = ({name: [] for name in judged} for _ in range(2))
        for seed, fold in enumerate(folds):
            rest = np.delete(x, fold, axis=0)
            num = round(VALIDATION * len(rest))
            parts = {"valid": rest[:num], "train": rest[num:], "test": x[fold]}
            np.savez(folder / "fold.npz", **parts)
            sizes = build(judged, model, folder / "fold.npz", seed=seed, quick=False)
            for name, worker in judged.items():
                limits = {"epochs": options.epochs, "patience": options.patience}
                epochs[name].append(worker.ask("stop_early", **limits))
                scores[name].append(np.mean(worker.ask("score")))
        print(f"  weights: {sizes}")
        for name, counts in epochs.items():
            print(f"  {name:14}best epochs {', '.join(map(str, counts))}")
        print_scores(scores)


def judges(workers):
    """One worker per library: compilation changes no likelihood."""
    spare = {"zuko compile"} if "zuko eager" in workers else set()
    return {name: workers[name] for name in workers if name not in spare}


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="per turn")
    parser.add_argument("--samples", type=int, default=10_000, help="per turn")
    parser.add_argument("--epochs", type=int, help="20, or at most 500 for --quality")
    parser.add_argument("--patience", type=int, default=30, help="of --quality")
    parser.add_argument("--models", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--workers", nargs="+", choices=WORKERS, default=list(WORKERS))
    parser.add_argument("--quality", action="store_true", help="five folds, no speed")
    options = parser.parse_args()
    options.epochs = options.epochs or (500 if options.quality else 20)
    return options


def main():
    """Runs the command line."""
    options = parse()
    needed = ("torch", "zuko") if set(options.workers) != {"keras_gen"} else ()
    if missing := [name for name in needed if not importlib.util.find_spec(name)]:
        raise SystemExit(f"{' and '.join(missing)} not installed: {INSTALL}")
    print(f"Batch {BATCH_SIZE}; Adam 1e-3; float32")
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(WORKERS[name], log) for name in options.workers}
        try:
            task = quality if options.quality else compare
            task(workers, options, Path(folder))
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
