"""Import time of keras_gen over that of the frameworks below it.

    python tests/benchmarks/imports.py [--rounds 7]

Each import runs in a fresh process, and the two take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys

STATEMENTS = {
    "tensorflow + keras": "import tensorflow, keras",
    "keras_gen": "import keras_gen",
    "keras_gen after both": "import keras_gen",
}
TIMER = """
import time
{before}
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""


def seconds(name):
    """Seconds that one import takes in a fresh process."""
    before = STATEMENTS["tensorflow + keras"] if "after" in name else ""
    code = TIMER.format(before=before, statement=STATEMENTS[name])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.splitlines()[-1])


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    turns = [{name: seconds(name) for name in STATEMENTS} for _ in range(rounds)]
    medians = {name: statistics.median(t[name] for t in turns) for name in STATEMENTS}
    for name, median in medians.items():
        values = [turn[name] for turn in turns]
        print(f"{name:24}{median:7.2f} s   {min(values):.2f} to {max(values):.2f}")
    difference = medians["keras_gen"] - medians["tensorflow + keras"]
    print(f"keras_gen adds {difference:+.2f} s (difference of the medians)")


if __name__ == "__main__":
    main()
