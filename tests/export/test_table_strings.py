"""A SavedModel takes and gives the columns of a table, with categories as strings."""

import json
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from keras_gen import export, specs
from keras_gen.export import manifest
from keras_gen.random import row_seeds
from keras_gen.zoo.presets import vae

HOMES = specs.Columns(
    [
        specs.Numeric("price (EUR)", decimals=1),
        specs.Category("kind", ["flat", "house", None]),
        specs.Integer("seed", 1, 9, has_missing=True),
        specs.Category("new", [False, True]),
    ]
)
NAMES = ["price__EUR_", "kind", "seed_2", "new"]
FRESH = """
import json, sys
import tensorflow as tf

model, calls = tf.saved_model.load(sys.argv[1]), json.load(sys.stdin)
found = {}
for name, inputs in calls.items():
    call = model.signatures[name]
    dtypes = call.structured_input_signature[1]
    given = {k: tf.constant(v, dtypes[k].dtype) for k, v in inputs.items()}
    found[name] = {k: v.numpy().tolist() for k, v in call(**given).items()}
try:
    call(**given | {"kind": tf.constant(["barn"] * 3)})
except tf.errors.InvalidArgumentError as error:
    found["error"] = str(error)
assert "keras_gen" not in sys.modules
print(json.dumps(found, default=bytes.decode))
"""


def columns_of(rows):
    """Rows column by column as an artifact has them, by way of a DataFrame."""
    found = dict(zip(NAMES, HOMES.to_frame(rows).items(), strict=True))
    found = {k: column for k, (_, column) in found.items()}
    for name in ("kind", "new"):
        found[name] = ["" if pd.isna(v) else str(v) for v in found[name]]
    found["seed_2"] = found["seed_2"].astype("float32")
    return {k: list(column) for k, column in found.items()}


@pytest.mark.slow
def test_strings_go_in_and_out_where_only_tensorflow_is(tmp_path):
    random.seed(0)
    model = vae.make(HOMES, specs.Target(2, "cut", ["Fair", "Ideal"]), 2, 0, None)
    table = HOMES.stand_in(60)
    model.compile(jit_compile=False)
    model.fit(table, np.arange(60) % 2, epochs=1, verbose=0)
    how = {"endpoints": ["sample", "sample_table", "encode_table"], "examples": table}
    folder = export.saved_model(model, tmp_path / "m", **how)
    assert export.check(folder)["."]["sample_table"]["error"] <= 1e-5
    facts = export.artifact(folder)["endpoints"]["sample_table"]
    assert list(facts["outputs"]) == NAMES
    names = [tensor["name"] for tensor in facts["outputs"].values()]
    assert names == [*HOMES.names]
    reference = np.load(manifest.reference_of(folder, "."))
    assert reference["sample_table/output/kind"].dtype.kind == "S"
    rows, labels = table[:3], np.array([0, 1, 1])
    cut = {"cut": ["Fair", "Ideal", "Ideal"]}
    calls = {"sample_table": {"seed": row_seeds(5, 3).tolist(), **cut}}
    calls["encode_table"] = columns_of(rows) | cut
    done = subprocess.run(
        [sys.executable, "-I", "-c", FRESH, str(folder)],
        input=json.dumps(calls, default=float),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert "column kind must be one of flat, house" in found["error"]
    z = model.encode(HOMES.to_frame(rows), condition=labels)  # which is rounded
    np.testing.assert_allclose(found["encode_table"]["z"], z, atol=1e-5)
    sample = columns_of(model.sample(3, seed=5, condition=labels))
    for name, column in sample.items():
        received = found["sample_table"][name]
        if isinstance(column[0], str):
            assert received == column
        else:
            np.testing.assert_allclose(received, np.float32(column), rtol=1e-5)
