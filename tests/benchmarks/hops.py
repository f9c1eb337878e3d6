"""How often a call changes file on its way to the mathematics.

`python tests/benchmarks/hops.py` follows three calls by `sys.settrace`, with the files
of mathematics (`networks`, `samplers`, `objectives`, `distributions`, ...) as their
end. It prints two counts for each call:

- the way down: changes of file from the public call to the formula that is farthest,
  along the calls that are open when it is entered;
- all functions of the package that are entered from another file, once each, with every
  check, cache and progress bar beside the way. `-v` lists them.
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
    """The longest way down, a list of files, and `(caller, callee, name)` of all."""
    seen, found, longest = set(), [], []

    def trace(frame, event, _):
        here = room(frame.f_code.co_filename)
        if event != "call" or here is None:
            return
        way, outer = [], frame
        while outer is not None:
            file = room(outer.f_code.co_filename)
            if file is not None and (not way or way[-1] != file):
                way.append(file)
            outer = outer.f_back
        there = way[1] if len(way) > 1 else None
        caller = frame.f_back
        while caller is not None and room(caller.f_code.co_filename) is None:
            caller = caller.f_back
        same = caller is not None and room(caller.f_code.co_filename) == here
        inside = any(file.parts[0] in MATHEMATICS for file in way[1:])
        if frame.f_code in seen or same or inside:
            return
        seen.add(frame.f_code)
        found.append((there, here, frame.f_code.co_qualname))
        if here.parts[0] in MATHEMATICS and len(way) > len(longest):
            longest[:] = way

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return longest[::-1], found


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
        way, found = hops(call)
        print(f"{name}: {len(way) - 1} files down, {len(found)} functions of others")
        print("    " + " > ".join(map(str, way)))
        if "-v" in sys.argv:
            for there, here, function in found:
                print(f"    {there} -> {here}: {function}")
