"""How often a call changes file on its way to the mathematics.

`python tests/benchmarks/hops.py` follows three calls by `sys.settrace` and prints, for
each, the changes of file in the order in which a reader meets them: each function of
the package that is called from another file of it, once, until the mathematics is
reached (`networks`, `samplers`, `objectives`, `distributions`, ...).
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_gen as kg

ROOT = Path(kg.__file__).parent
MATHEMATICS = ("networks", "samplers", "objectives", "distributions", "bijectors")
MATHEMATICS += ("schedules.py", "parameterizations.py", "random.py", "tokenizers")


def room(path):
    """The path inside of the package, None outside."""
    path = Path(path)
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else None


def hops(function):
    """`(caller, callee)` files of each function that is entered from another file."""
    seen, found = set(), []

    def trace(frame, event, _):
        here = room(frame.f_code.co_filename)
        if event != "call" or here is None:
            return
        code, caller = frame.f_code, frame.f_back
        while caller is not None and room(caller.f_code.co_filename) is None:
            caller = caller.f_back
        there = None if caller is None else room(caller.f_code.co_filename)
        is_inside = there is not None and there.parts[0] in MATHEMATICS
        if code in seen or there == here or is_inside:
            return
        seen.add(code)
        found.append((there, here, code.co_qualname))

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return found


def calls():
    """The three calls, on tiny models."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
    unet = kg.networks.unet((8, 8, 1), channels=(8,), groups=4)
    diffusion = kg.Diffusion(unet, seed=0)
    gan = kg.GAN(*kg.networks.mlp_gan((8, 8, 1), 4), seed=0)
    gan.compile()
    sentences = kg.TextVAE(
        kg.networks.text_encoder(9, 2, width=4, units=(6,)),
        kg.networks.recurrent(9, width=4, units=(6,), condition_size=2),
        length=8,
        seed=0,
    )
    return {
        "Diffusion.sample": lambda: diffusion.sample(2, seed=0),
        "GAN.fit, one step": lambda: gan.fit(x, batch_size=8, verbose=0),
        "TextVAE.complete": lambda: sentences.complete([[1, 2]], 4, seed=0),
    }


if __name__ == "__main__":
    for name, call in calls().items():
        found = hops(call)
        print(f"{name}: {len(found)} changes of file")
        if "-v" in sys.argv:
            for there, here, function in found:
                print(f"    {there} -> {here}: {function}")
