"""`check` of a stranger's folder: what it refuses before anything runs."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import export
from keras_gen.export import manifest, parity, trust


@pytest.fixture
def nothing_runs(monkeypatch):
    """Fails a test in which an artifact runs."""

    def run(*arguments):
        raise AssertionError(f"ran {arguments}")

    monkeypatch.setattr(parity, "run_script", run)


@pytest.fixture
def served(get_saved_model, tmp_path):
    """A SavedModel that a test may change, in a folder of its own."""
    path = get_saved_model("dense_vae")
    shutil.copytree(path.parent / "checks", tmp_path / "served" / "checks")
    return shutil.copytree(path, tmp_path / "served" / "1")


def change(folder, *keys, value):
    """Writes a value into the manifest, below the one artifact's entry."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    (entry,) = content["artifacts"].values()
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(json.dumps(content))


FACTS = {"sha256": 64 * "0", "bytes": 1}
TENSOR = {"shape": [None, 3], "dtype": "float32"}
CHANGES = [
    (["files"], {}, "files must be an object, not empty, received {}"),
    (["files"], [], "files must be an object"),
    (["files", "../elsewhere"], FACTS, "files must be names inside the folder"),
    (["files", "/etc/passwd"], FACTS, "files must be names inside the folder"),
    (["files", "variables/../../x"], FACTS, "files must be names inside the folder"),
    (["files", "c:\\x"], FACTS, "files must be names inside the folder"),
    (["files", "saved_model.pb"], 7, "files must be sha256 and bytes, received 7"),
    (["files", "saved_model.pb", "sha256"], 64 * "x", "must be sha256 and bytes"),
    (["files", "saved_model.pb", "bytes"], 0, "must be sha256 and bytes"),
    (
        ["reference"],
        "../elsewhere.npz",
        "sha256 and bytes, received '../elsewhere.npz'",
    ),
    (["reference"], None, "must be sha256 and bytes, received None"),
    (["endpoints"], {}, "endpoints must be an object, not empty, received {}"),
    (["endpoints"], ["decode"], "endpoints must be an object"),
    (["endpoints", "decode"], 3, "decode must be an object, received 3"),
    (["endpoints", "decode", "tolerance"], 1e99, r"in \[0, 0.001\], received 1e\+99"),
    (["endpoints", "decode", "tolerance"], None, r"in \[0, 0.001\], received None"),
    (["endpoints", "decode", "tolerance"], 0.01, r"in \[0, 0.001\], received 0.01"),
    (["endpoints", "decode", "tolerance"], -1, r"in \[0, 0.001\], received -1"),
    (["endpoints", "decode", "tolerance"], "1e-5", r"in \[0, 0.001\], received '1e-5'"),
    (["endpoints", "decode", "tolerance"], True, r"in \[0, 0.001\], received True"),
    (["endpoints", "decode", "tolerance"], 10**400, r"in \[0, 0.001\], received 1000"),
    (["endpoints", "decode", "tolerance"], float("nan"), "NaN is not a number"),
    (["endpoints", "decode", "tolerance"], float("inf"), "Infinity is not a number"),
    (["endpoints", "decode", "mean_tolerance"], 0.1, r"in \[0, 0.0001\], received 0.1"),
    (
        ["endpoints", "encode", "mean_tolerance"],
        1e-6,
        "encode: outputs must be pictures",
    ),
    (["endpoints", "decode", "draws"], 1, "draws must be true or false"),
    (["endpoints", "decode", "inputs"], {}, "inputs must be an object"),
    (["endpoints", "decode", "inputs"], {"z": [1, 2]}, "inputs must be tensors"),
    (
        ["endpoints", "decode", "inputs", "z", "shape"],
        [[1]],
        "inputs must be tensors",
    ),
    (["endpoints", "decode", "inputs", "z", "shape"], [1, 3], "of the batch size"),
    (["endpoints", "decode", "inputs", "z", "dtype"], "object", "must be tensors"),
    (
        ["endpoints", "decode", "outputs"],
        {"x": TENSOR, "y": TENSOR},
        "be one tensor, or",
    ),
    (["endpoints", "decode", "outputs", "x", "shape"], [None, 2**40], "be tensors"),
    (["endpoints", "decode", "error"], "0", "error must be a number"),
    (["format"], "tflite", "format must be saved_model"),
    (["serving_default"], "other", "serving_default must be an endpoint, received"),
    (["serving_default"], ["decode"], "serving_default must be an endpoint, received"),
    (["columns"], [{"name": "a", "step": 9}], "columns must be a list of columns"),
    (["quantization"], "int8", "quantization must be none"),
]


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(("keys", "value", "message"), CHANGES)
def test_a_manifest_of_a_stranger_is_refused(keys, value, message, served):
    change(served, *keys, value=value)
    with pytest.raises(ValueError, match=message) as raised:
        export.check(served)
    assert str(raised.value).startswith(
        f"{served}/manifest.json is not a manifest of an"
    )
    assert len(str(raised.value)) < 400 + len(str(served))


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is not a manifest of an export"),
        ("[]", "it must be a manifest, received"),
        ('{"manifest": 2, "artifacts": []}', "artifacts must be an object"),
        ('{"manifest": 2, "artifacts": {".": 3}}', r"\. must be an object, received 3"),
        ('{"manifest": 1, "artifacts": {}}', r"manifest must be 2 \(export again\)"),
        ('{"manifest": 2, "artifacts": {"../m.tflite": {}}}', "names of .tflite files"),
        ('{"manifest": 2, "artifacts": {"a/m.tflite": {}}}', "names of .tflite files"),
        ('{"manifest": 2, "artifacts": {"m.tflite": {}}}', "format must be tflite"),
    ],
)
def test_a_text_that_is_no_manifest(text, message, tmp_path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        export.check(tmp_path)


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("new.txt", "new.txt is not listed in the manifest"),
        ("variables/other", "variables/other is not listed in the manifest"),
        (".hidden", ".hidden is not listed in the manifest"),
        ("saved_model.cpb", "saved_model.cpb is not listed in the manifest"),
    ],
)
def test_a_file_that_is_not_listed(name, message, served):
    (served / name).write_text("x")
    with pytest.raises(export.ParityError, match=message):
        export.check(served)
    change(served, "files", name, value=manifest._facts(served / name))
    if name != "variables/other":
        with pytest.raises(export.ParityError, match="is not part of such an artifact"):
            export.check(served)


@pytest.mark.usefixtures("nothing_runs")
def test_links_that_lead_out_of_the_folder(served, tmp_path):
    index = served / "variables" / "variables.index"
    index.rename(tmp_path / "index")
    index.symlink_to(tmp_path / "index")
    with pytest.raises(export.ParityError, match="is a link to a file outside"):
        export.check(served)
    os.replace(tmp_path / "index", index)
    shutil.move(served / "variables", tmp_path / "variables")
    (served / "variables").symlink_to(tmp_path / "variables")
    with pytest.raises(export.ParityError, match="is a link to a file outside"):
        export.check(served)


@pytest.mark.usefixtures("nothing_runs")
def test_references_elsewhere_and_empty_ones(served, tmp_path):
    reference = manifest.reference_of(served, ".")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(reference, tmp_path / "elsewhere" / "reference.npz")
    with pytest.raises(export.ParityError, match=r"checks/1/reference.npz is missing"):
        export.check(served)
    reference.parent.rmdir()
    reference.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(export.ParityError, match="is a link to a file outside"):
        export.check(served)
    reference.parent.unlink()
    reference.parent.mkdir()
    reference.touch()
    with pytest.raises(export.ParityError, match="reference.npz is empty"):
        export.check(served)


@pytest.mark.usefixtures("nothing_runs")
def test_references_that_are_none_or_too_large(served, monkeypatch):
    reference = manifest.reference_of(served, ".")
    monkeypatch.setattr(trust, "LARGEST_REFERENCE", 100)
    with pytest.raises(export.ParityError, match="bytes: too many for a reference"):
        export.check(served)
    with reference.open("wb") as file:
        np.save(file, np.zeros(3))
    change(served, "reference", value=manifest._facts(reference))
    with pytest.raises(export.ParityError, match="is not an archive of arrays"):
        export.check(served)


def write(folder, function, *specs, **more):
    """A SavedModel of one function, as `graph_problems` reads it."""
    module = tf.Module()
    module.f = tf.function(function, input_signature=specs)
    for name, value in more.items():
        setattr(module, name, value)
    signatures = {"f": module.f.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures)
    return folder / "saved_model.pb"


X = tf.TensorSpec((None, 1), name="x")
ACTS = {
    "ReadFile": lambda x: x + tf.strings.to_number(tf.io.read_file("x.txt")),
    "WriteFile": lambda x: _after(tf.io.write_file("x.txt", "x"), x),
    "MatchingFiles": lambda x: (
        x + tf.cast(tf.size(tf.io.matching_files("/*")), "float32")
    ),
    "EagerPyFunc": lambda x: tf.py_function(lambda v: v, [x], tf.float32),
    "PyFunc": lambda x: tf.numpy_function(lambda v: v, [x], tf.float32),
    "RestoreV2": lambda x: (
        x
        + tf.raw_ops.RestoreV2(
            prefix="x.txt",
            tensor_names=["a"],
            shape_and_slices=[""],
            dtypes=["float32"],
        )[0]
    ),
    "SaveV2": lambda x: _after(
        tf.raw_ops.SaveV2(
            prefix="x.txt", tensor_names=["a"], shape_and_slices=[""], tensors=[x]
        ),
        x,
    ),
    "PrintV2": lambda x: _after(tf.print(x, output_stream="file://x.txt"), x),
    "DecodeProtoV2": lambda x: (
        x
        + tf.cast(
            tf.size(
                tf.raw_ops.DecodeProtoV2(
                    bytes="",
                    message_type="M",
                    field_names=[],
                    output_types=[],
                    descriptor_source="x.txt",
                ).sizes
            ),
            "float32",
        )
    ),
    "TFRecordDataset": lambda x: (
        x + tf.cast(tf.data.TFRecordDataset("x.txt").cardinality(), "float32")
    ),
}


def _after(operation, x):
    with tf.control_dependencies([operation] if operation is not None else []):
        return tf.identity(x)


@pytest.mark.parametrize("operator", ACTS)
def test_operators_that_reach_files_or_processes(operator, tmp_path):
    path = write(tmp_path / "m", lambda x: {"y": ACTS[operator](x)}, X)
    problems = trust.graph_problems(path)
    assert f"operator {operator} does more than calculate" in " ".join(problems)


def test_operators_inside_of_branches_and_loops(tmp_path):
    def body(x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: ACTS["ReadFile"](x), lambda: x)

    def loop(x):
        return {"y": tf.while_loop(lambda _: True, body, [x], maximum_iterations=2)[0]}

    (problem,) = trust.graph_problems(write(tmp_path / "m", loop, X))
    assert problem.startswith("operator ReadFile does more")


def test_what_only_calculates_is_allowed(tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a"], [1.0]), -1.0
    )
    weight = tf.Variable([[2.0]])

    def call(x):
        text = tf.strings.lower(tf.strings.as_string(x[:, 0]))
        looked_up = table.lookup(text)[:, None]
        image = tf.image.resize(x[:, None, :, None], (2, 2))[:, 0, :, 0]
        return {"y": x @ weight + looked_up + tf.random.normal((1,)) + image[:, :1]}

    path = write(tmp_path / "m", call, X, table=table, weight=weight)
    assert trust.graph_problems(path) == []


def test_the_saver_may_write_only_where_nothing_calls_it(tmp_path):
    """A signature that calls the saver's own functions writes files too."""
    weight = tf.Variable([[2.0]])
    path = write(tmp_path / "m", lambda x: {"y": x @ weight}, X, weight=weight)
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    assert trust.graph_problems(path) == []
    graph = model.meta_graphs[0]
    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    (save,) = [name for name in functions if "traced_save" in name]
    (caller,) = [f for n, f in functions.items() if "signature_wrapper" in n]
    node = caller.node_def.add(name="evil", op="StatefulPartitionedCall")
    node.attr["f"].func.name = save
    path.write_bytes(model.SerializeToString())
    problems = " ".join(trust.graph_problems(path))
    for operator in ("SaveV2", "MergeV2Checkpoints", "ShardedFilename"):
        assert f"operator {operator} does more" in problems
    node.attr["f"].func.name = "ReadFile"
    path.write_bytes(model.SerializeToString())
    assert trust.graph_problems(path) == ["function ReadFile is missing."]


def test_no_graph(tmp_path):
    path = tmp_path / "saved_model.pb"
    path.write_bytes(b"\xff\xff\xff")
    assert trust.graph_problems(path)[0].startswith(
        "saved_model.pb is not a SavedModel"
    )
    path.write_bytes(b"")
    assert trust.graph_problems(path) == ["saved_model.pb holds no graph."]


def test_a_program_is_not_run(served, tmp_path, monkeypatch, nothing_runs):
    """The whole way: a sound manifest around a SavedModel that writes a file."""
    inner = tmp_path / "evil"
    write(inner, lambda x: {"y": ACTS["WriteFile"](x)}, X)
    for part in ("saved_model.pb", "fingerprint.pb"):
        shutil.copy(inner / part, served / part)
        change(served, "files", part, value=manifest._facts(served / part))
    with pytest.raises(export.ParityError, match="operator WriteFile does more"):
        export.check(served)


def test_limits_of_tolerances_hold_what_exports_write():
    names = set(export.QUANTIZATIONS)
    assert set(manifest.LIMITS) == names
    assert sorted(manifest.LIMITS, key=manifest.LIMITS.get)[0] == "none"
    assert np.isfinite(list(manifest.LIMITS.values())).all()
