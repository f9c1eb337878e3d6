"""How long the recipes take to train here, and how much memory: docs/times.json.

    KERAS_GEN_DATA=DATA python tests/benchmarks/recipes.py [NAME ...]

A few steps of each stage are timed, in a process of its own for each recipe, on all
cores. The minutes are those of all epochs, with held-out examples and checkpoints, but
without the evaluation at the end. Data that are not here are left out. The figures of
other recipes in the file stay.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FILE = Path(__file__).parents[2] / "docs/times.json"


def measured(name):
    """Minutes of a recipe's training, and most GiB that the process held."""
    from keras_gen import zoo
    from keras_gen.zoo import data, estimating, evaluation, pinning, run_settings

    recipe = zoo.find_recipe(name)
    known = data.load(recipe.data)
    settings = run_settings.new_settings(name, recipe, recipe.data, {})
    if recipe.normal:
        known = data.only(known, recipe.normal)
    if recipe.balance:
        known = data.balanced(known, recipe.balance)
    known, own = pinning.with_tokens(recipe, known, None)
    model = recipe.build(recipe.seed, **own)
    known = evaluation.prepared(model, known, recipe)
    paces = estimating.paces_of(recipe, known, settings, own)
    epochs = [stage.epochs for stage in recipe.plan]
    seconds = sum(n * pace.epoch for n, pace in zip(epochs, paces, strict=True))
    memory = max(pace.memory or 0 for pace in paces)
    return {"minutes": round(seconds / 60, 1), "gib": round(memory / 2**30, 1)}


def main():
    """Runs the command line."""
    from keras_gen.zoo import recipe_names

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--alone", action="store_true", help="prints, writes nothing")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measured(*options.names)))
        return
    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in options.names or recipe_names():
        command = [sys.executable, __file__, "--alone", name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            continue
        found[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, *found[name].values(), flush=True)
        FILE.write_text(json.dumps(dict(sorted(found.items())), indent=0) + "\n")


if __name__ == "__main__":
    main()
