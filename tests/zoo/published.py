"""What the published models answer: the table that a change of the code must keep.

`python -m tests.zoo.published tests/zoo/published.json` writes the table anew.
"""

import json
import sys

import numpy as np

from keras_gen import capabilities as can
from keras_gen import zoo
from keras_gen.specs import num_classes
from keras_gen.zoo import store
from keras_gen.zoo.recipe import recipe_names

ROWS, SHOWN, SEED = 4, 24, 7
PUBLISHED = [name for name in recipe_names() if store.is_pretrained(name)]


def digest(values):
    """Some values of an array, evenly from first to last, and its mean."""
    flat = np.asarray(values, np.float64).reshape(-1)
    places = np.linspace(0, len(flat) - 1, min(SHOWN, len(flat))).astype(int)
    return [float(f"{v:.8g}") for v in [*flat[places], flat.mean()]]


def answers(model):
    """What a model makes of seeds, and of its own samples, by verb."""
    number = num_classes(model.condition)
    given = {} if number is None else {"condition": np.arange(ROWS) % number}
    found = {}
    if isinstance(model, can.Completes):
        prompt = ["", "a", "The", "in"] if model.tokenizer else [[], [1], [2, 3], [4]]
        texts = model.complete(prompt, 24, seed=SEED)
        found["complete"] = texts
        if isinstance(model, can.Scores):
            found["log_prob"] = digest(model.log_prob(texts))
        if isinstance(model, can.Encodes):
            z = model.encode(texts)
            found |= {"encode": digest(z), "decode": model.decode(z)}
        if isinstance(model, can.Bounds):
            found["elbo"] = digest(model.elbo(texts, seed=SEED))
        return found
    rng = np.random.default_rng(SEED)
    if can.translates_condition(model):
        x = rng.random((ROWS, *model.source.shape), np.float32)
        return {"translate": digest(model.translate(x, seed=SEED))}
    if isinstance(model, can.Generates):
        x = model.sample(ROWS, seed=SEED, **given)
        found["sample"] = digest(x)
    else:
        x = rng.random((ROWS, *model.inputs.shape), np.float32)
    if isinstance(model, can.Classifies):
        found["log_probabilities"] = digest(model.log_probabilities(x))
        return found
    if isinstance(model, can.Encodes):
        z = model.encode(x, **given)
        found |= {"encode": digest(z), "decode": digest(model.decode(z, **given))}
    if isinstance(model, can.Scores) or hasattr(model, "log_prob"):
        how = {"num_steps": 10} if isinstance(model, can.Denoises) else {}
        found["log_prob"] = digest(model.log_prob(x, **given, **how))
    if hasattr(model, "elbo"):
        found["elbo"] = digest(model.elbo(x, seed=SEED, **given))
    return found


def main(path):
    """Writes the table."""
    table = {}
    for name in PUBLISHED:
        table[name] = answers(zoo.load(name))
        print(name, *table[name], flush=True)
        with open(path, "w") as file:
            json.dump(table, file, indent=0)


if __name__ == "__main__":
    main(sys.argv[1])
