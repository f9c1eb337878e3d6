"""Language models of keras_gen and PyTorch, side by side on this machine.

    python tests/benchmarks/language.py [--rounds 5] [--train-steps 200] [--quality]

Equal are the task (characters of Shakespeare's plays), nanoGPT's setting for a CPU (4
layers, 4 heads, width 128, context 64, batch 12, no dropout, float32; the LSTM has 256
units), the windows and their order. Each side has its own parts and optimizer: see
`language_torch_worker.py` for nanoGPT's, `networks.causal_transformer` for ours.

Each framework runs in a process of its own with as many threads as it takes, all cores,
and they take turns; one turn before the first round, with all compilation, is not
counted. `--quality` trains 2,000 steps with each seed instead, and prints the loss over
the whole validation split.
"""

import argparse
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
from flows import mean_and_error, print_rates, rates
from language_worker import BATCH_SIZE, CONTEXT
from worker import Worker

from keras_gen import texts
from keras_gen.tokenizers import CharacterTokenizer
from keras_gen.zoo import load_data
from keras_gen.zoo.languages import SHAKESPEARE

WORKERS = {
    "keras_gen": ["language_keras_worker.py"],
    "eager": ["language_torch_worker.py", "eager"],
    "compile": ["language_torch_worker.py", "compile"],
}
STEPS = 2000


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train-steps", type=int, default=200, help="per turn")
    parser.add_argument("--tokens", type=int, default=256, help="of a text")
    parser.add_argument("--texts", type=int, default=2, help="per turn")
    parser.add_argument("--models", nargs="+", default=["transformer", "lstm"])
    parser.add_argument("--workers", nargs="+", choices=WORKERS, default=list(WORKERS))
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def write_windows(path, steps, seed=0):
    """Random windows for so many steps, and the validation split, as `.npz`."""
    data, tokenizer = load_data("shakespeare"), CharacterTokenizer(SHAKESPEARE)
    train, test = (
        texts.tokens_of(s.source, tokenizer) for s in (data.train, data.test)
    )
    windows = texts.Windows(train, CONTEXT + 1, steps * BATCH_SIZE)
    rows = windows.at(windows.at_random(seed, 0).numpy())
    held_out = texts.Windows(test, CONTEXT + 1)
    held_out = held_out.head(held_out.num_in_order - 1)  # the last one is padded
    np.savez(path, train=rows, test=held_out)


def speed(workers, options, folder):
    """Prints training steps and generated tokens per second."""
    file = str(folder / "windows.npz")
    write_windows(file, options.train_steps)
    for model in options.models:
        asked = {"model": model, "file": file, "steps": options.train_steps}
        sizes = {k: worker.ask("build", **asked) for k, worker in workers.items()}
        print(f"\n{model}")
        print("  weights: " + ", ".join(f"{k} {n:,}" for k, n in sizes.items()))
        turns = options.rounds, "train"
        measured = rates(workers, options.train_steps, *turns)
        print_rates("steps/s", measured, digits=1)
        drawn = {"num": options.tokens, "calls": options.texts}
        tokens = options.tokens * options.texts
        measured = rates(workers, tokens, options.rounds, "generate", **drawn)
        print_rates("tokens/s", measured)


def quality(workers, options, folder):
    """Prints the validation loss after 2,000 steps on the same windows."""
    file = str(folder / "windows.npz")
    for model in options.models:
        losses = {name: [] for name in workers}
        for seed in options.seeds:
            write_windows(file, STEPS, seed)
            asked = {"model": model, "file": file, "steps": STEPS, "seed": seed}
            for name, worker in workers.items():
                worker.ask("build", **asked)
                worker.ask("train")
                losses[name].append(worker.ask("score"))
        print(f"\n{model}, {STEPS:,} steps, seeds {options.seeds}")
        for name, values in losses.items():
            mean, error = mean_and_error(values)
            each = ", ".join(f"{value:.3f}" for value in values)
            print(f"  {name:14}{mean:.4f} ± {error:.4f} nats per character ({each})")


def main():
    """Runs the command line."""
    options = parse()
    if set(options.workers) != {"keras_gen"} and not importlib.util.find_spec("torch"):
        raise SystemExit("torch is not installed: pip install torch==2.13.0")
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(WORKERS[name], log) for name in options.workers}
        try:
            task = quality if options.quality else speed
            task(workers, options, Path(folder))
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
