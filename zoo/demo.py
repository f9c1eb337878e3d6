"""The whole workflow in one run: train on real data, sample, export, check.

python -m keras_gen.zoo.demo FOLDER
"""

import json
import shutil
import sys
import time
from pathlib import Path

from . import store
from .quiet import answering, quiet_tensorflow, short_warnings
from .recipe import UsageError, find

RECIPE = "vae_digits"
PARTS = {"run", "serving", "phone"}


def demo(folder: Path) -> None:
    """Runs the demo into `folder`, and replaces the output of an earlier demo.

    Raises:
        UsageError: If the folder contains other files.
    """
    if folder.exists() and not {p.name for p in folder.iterdir()} <= PARTS:
        raise UsageError(f"{folder} contains other files. Choose another folder.")
    quiet_tensorflow()
    short_warnings()
    from .. import export
    from .data import load as load_data
    from .training import train

    start = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    run, serving, phone = folder / "run", folder / "serving", folder / "phone"
    print(f"Training the recipe {RECIPE}: real handwritten digits, model.fit() ...")
    model = train(RECIPE, run)
    examples = load_data(find(RECIPE).data).test.head(200)
    print("Exporting and comparing with the Keras model ...")
    exported = [export.saved_model(model, serving / RECIPE, examples=examples)]
    for quantization in ("none", "dynamic"):
        path = phone / f"{RECIPE}_{quantization}.tflite"
        export.tflite(model, path, quantization=quantization, examples=examples)
        exported.append(path)
    checked = {path: next(iter(export.check(path).values())) for path in exported}
    print_summary(run, checked)
    print(f"Done in {time.perf_counter() - start:.0f} s.")


def print_summary(run: Path, checked: dict[Path, dict[str, dict[str, float]]]) -> None:
    """Prints picture, test bound, artifacts, sizes, parity and latency."""
    elbo = json.loads((run / store.METRICS).read_text())["elbo"]
    print()
    print(f"Samples      {run / store.SAMPLES}")
    print(
        f"Test ELBO    {elbo['value']:.2f} ± {elbo['standard_error']:.2f} nats "
        f"({elbo['num_samples']} images)"
    )
    print("Artifacts    size, largest error against Keras, median latency of a sample")
    for path, endpoints in checked.items():
        size = sum(file.stat().st_size for file in _files(path)) / 1024
        error = max(facts["error"] for facts in endpoints.values())
        latency = endpoints["sample"]["latency_ms"]
        print(f"  {path}  {size:,.0f} KiB  {error:.1e}  {latency:.2f} ms")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [p for p in path.rglob("*") if p.is_file()]


if __name__ == "__main__":
    with answering():
        demo(Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo"))
