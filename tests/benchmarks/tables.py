"""Tables: keras_gen and ctgan side by side, in speed and in the scores of sdmetrics.

    python3.11 -m venv build/ctgan
    build/ctgan/bin/pip install torch==2.13.0 ctgan==0.12.1 sdmetrics==0.32.0
    python tests/benchmarks/tables.py --python build/ctgan/bin/python
    python tests/benchmarks/tables.py --python build/ctgan/bin/python --score RUN...

ctgan requires another pandas, hence an environment of its own. The first command
prints seconds per epoch at equal sizes of the networks, in turns. The second one draws
as many rows from each run of `keras-gen train` as it was trained on, and scores them
and the training rows; `--ctgan EPOCHS` also trains and scores CTGAN and TVAE.
`diamonds.csv` lies in the folder that `KERAS_GEN_DATA` names; a tenth is held out.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from worker import Worker

KINDS = "gan", "vae"


def split(folder):
    """The paths of the rows to train on and of the held-out ones."""
    from keras_gen import zoo

    data = zoo.load_data("diamonds")
    paths = Path(folder, "train.csv"), Path(folder, "held_out.csv")
    for part, path in zip((data.train, data.test), paths, strict=True):
        data.spec.to_frame(part.x).to_csv(path, index=False)
    return [str(path) for path in paths]


def speed(workers, path, rounds, epochs, rows):
    for worker in workers.values():
        worker.ask("load", path=path, rows=rows)
    for kind in KINDS:
        found = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                found[name] += worker.ask("train", kind=kind, epochs=epochs)
        medians = {name: statistics.median(times) for name, times in found.items()}
        for name, times in found.items():
            low, high = min(times), max(times)
            print(f"{kind:5}{name:10}{medians[name]:8.2f} s   {low:.2f} to {high:.2f}")
        ratio = medians["ctgan"] / medians["keras_gen"]
        print(f"{kind:5}ctgan / keras_gen: {ratio:.2f}")


def score(workers, runs, paths, epochs, folder):
    """One line for the training rows, and for each model."""
    train, held_out = paths
    ctgan, own = workers["ctgan"], workers["keras_gen"]

    def line(name, path):
        found = ctgan.ask("score", path=path, held_out=held_out)
        print(f"{name:24}" + "  ".join(f"{k} {v:.4f}" for k, v in found.items()))
        sys.stdout.flush()

    line("training rows", train)
    drawn = str(Path(folder, "drawn.csv"))
    rows = ctgan.ask("load", path=train)
    for run in runs:
        own.ask("run", folder=run)
        own.ask("draw", num=rows, path=drawn)
        line(Path(run).name, drawn)
    for kind in KINDS if epochs else ():
        ctgan.ask("train", kind=kind, epochs=epochs - 1)
        ctgan.ask("draw", num=rows, path=drawn)
        line(f"ctgan {kind}, {epochs} epochs", drawn)


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="of the environment of ctgan")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="per turn")
    parser.add_argument("--rows", type=int, help="of the table, to be quick")
    parser.add_argument("--score", nargs="+", default=[], metavar="RUN")
    parser.add_argument("--ctgan", type=int, default=0, metavar="EPOCHS")
    options = parser.parse_args()
    commands = {
        "keras_gen": (sys.executable, "tables_keras_worker.py"),
        "ctgan": (os.path.abspath(options.python), "tables_ctgan_worker.py"),
    }
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as folder:
        paths = split(folder)
        workers = {
            name: Worker([script], log, python=python)
            for name, (python, script) in commands.items()
        }
        try:
            if options.score or options.ctgan:
                score(workers, options.score, paths, options.ctgan, folder)
            else:
                turns = options.rounds, options.epochs, options.rows
                speed(workers, paths[0], *turns)
        except RuntimeError as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()}") from error
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
