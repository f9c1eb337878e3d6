"""How long models take to sample, in turn, and the Fréchet distances of their runs.

    python tests/benchmarks/sampling.py runs/latent_diffusion_emoji runs/diffusion_emoji

Each name is a run or a recipe with weights. `--steps 4 8 12` samples a diffusion with
other numbers of steps too, and `--distances` measures their Fréchet distances on the
run's data, which takes longer.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_gen import metrics, specs, zoo
from keras_gen.zoo.extractors import extractor_for


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="runs, or recipes with weights")
    parser.add_argument("--num", type=int, default=16, help="images of a call")
    parser.add_argument("--rounds", type=int, default=5, help="calls of each model")
    parser.add_argument("--steps", type=int, nargs="*", default=[])
    parser.add_argument("--distances", metavar="DATA", help="measure against DATA")
    return parser.parse_args()


def sampler(model, num, steps):
    """A function that draws `num` samples, of the classes in turn."""
    how = {"num_steps": steps} if steps else {}
    classes = specs.num_classes(model.condition)

    def draw(count=num, seed=0):
        given = {"condition": np.arange(count) % classes} if classes else {}
        return model.sample(count, seed=seed, **given, **how)

    return draw


def distance_of(name):
    """The Fréchet distance that a run has measured, or None."""
    path = Path(name) / "metrics.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    return found.get("frechet_distance", {}).get("value")


def main():
    """Runs the command line."""
    options = parse()
    models = {name: zoo.load(name) for name in options.names}
    draws = {
        (name, steps): sampler(model, options.num, steps)
        for name, model in models.items()
        for steps in (None, *options.steps)
    }
    times = {key: [] for key in draws}
    for draw in draws.values():
        draw()  # compiles
    for seed in range(options.rounds):
        for key, draw in draws.items():
            start = time.process_time()
            draw(seed=seed)
            times[key].append(time.process_time() - start)
    slowest = max(statistics.median(t) for t in times.values())
    print(f"{options.num} samples, median processor time of {options.rounds} calls")
    for key, draw in draws.items():
        median, found = statistics.median(times[key]), distance_of(key[0])
        if options.distances:
            x = zoo.load_data(options.distances).test.x
            features = extractor_for(models[key[0]].inputs, options.distances)
            pair = (features(rows).values for rows in (x, draw(len(x))))
            found = metrics.frechet_distance(*pair).value
        elif key[1]:
            found = None
        steps = f"{key[1]} steps" if key[1] else "its own steps"
        shown = "" if found is None else f"  Fréchet distance {found:.4g}"
        print(f"{key[0]:40}{steps:14}{median:9.4f} s{slowest / median:7.1f} x{shown}")


if __name__ == "__main__":
    main()
