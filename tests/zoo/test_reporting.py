"""The report of a run: one file, safe to open, that says what the run's files say."""

import base64
import csv
import re

import numpy as np
import pytest
from PIL import Image

from keras_gen import zoo
from keras_gen.metrics.neighbours import nearest_rows
from keras_gen.specs import Category, Columns, Images, Numeric, Vectors
from keras_gen.zoo import cli, reporting, store
from keras_gen.zoo.data import Data
from keras_gen.zoo.embedded import ArraySplit
from keras_gen.zoo.recipe import find

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)
HOSTILE = "<script>alert('x')</script>"
URI = re.compile(r'src="data:(image/[a-z+]+);base64,([^"]+)"')


@pytest.fixture
def run(tmp_path):
    """The files of a run of two epochs, as training writes them."""
    settings = {"recipe": "vae", "data": "/x/y", "epochs": 2, "batch_size": 8}
    settings |= {"seed": 0, "steps": 12, "size": "tiny", "class_names": [HOSTILE, "b"]}
    settings |= {"settings": {"beta": 4.0}, "versions": {"keras": "3"}}
    store.write_json(tmp_path / store.RECIPE, settings)
    lines = [["epoch", "elbo", "val_elbo", "rate"], [1, -9.5, -9, 1], [2, -8, -8.5, 2]]
    with (tmp_path / store.HISTORY).open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    figure = {"value": 2.0, "standard_error": 0.5, "unit": "nats", "num_samples": 1000}
    other = figure | {"reference": 0.25, "extractor": "classifier"}
    figures = {"elbo": figure, "frechet_distance": other}
    store.write_json(tmp_path / store.METRICS, figures)
    Image.new("RGB", (9, 9)).save(tmp_path / store.SAMPLES)
    return tmp_path


def built(spec):
    return find("vae").pinned(spec, None, "tiny").build(0)


def written(run, spec, x):
    """The report of an untrained model, and its pictures by kind."""
    model = built(spec)
    model._prepare(x, None)
    data = Data(f"a & {HOSTILE}", ArraySplit(x, None), ArraySplit(x[:2], None))
    text = reporting.write_report(run, model, data).read_text()
    kinds = [(kind, base64.b64decode(part)) for kind, part in URI.findall(text)]
    return text, kinds


def test_nearest_rows_are_those_of_all_distances():
    x, reference = RNG.normal(size=(5, 3)), RNG.normal(size=(40, 3))
    distances = np.linalg.norm(x[:, None] - reference, axis=-1)
    expected = np.argsort(distances, axis=1)
    np.testing.assert_array_equal(nearest_rows(x, reference, 3), expected[:, :3])
    np.testing.assert_array_equal(nearest_rows(x, reference), expected[:, :1])


def test_a_report_needs_nothing_else_and_escapes_texts(run):
    x = RNG.random((30, 8, 8, 1), np.float32)
    text, pictures = written(run, Images(8, 8, 1), x)
    assert "<script" not in text
    assert "a &amp; &lt;script&gt;" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    assert "default-src 'none'" in text
    assert [kind for kind, _ in pictures] == ["image/png", "image/png", "image/svg+xml"]
    assert pictures[0][1] == (run / store.SAMPLES).read_bytes()
    curves = pictures[2][1].decode()
    assert curves.startswith("<?xml")
    for word in ("elbo", "rate", "held out", "epoch"):
        assert word in curves
    assert "val_elbo" not in curves
    for row in (
        "<td>frechet_distance</td><td>2 ± 0.5</td><td>0.25</td><td>nats</td>",
        "<td>elbo</td><td>2 ± 0.5</td><td></td><td>nats</td>",
        "<td>beta</td><td>4</td><td>chosen</td><td>Factor of the KL term",
        "<td>free_bits</td><td>0</td><td></td>",
        "<td>epochs</td><td>2</td>",
    ):
        assert row in text, row
    assert f"keras-gen sample {run} --out more.png" in text


def test_nearest_images_are_drawn_below_the_samples(run, monkeypatch):
    spec, x = Images(8, 8, 1), RNG.random((30, 8, 8, 1), np.float32)
    drawn = []

    def draw(spec, tiles, columns):
        drawn.append(tiles)
        return np.zeros((2, 2, 3), "uint8")

    monkeypatch.setattr("keras_gen.pictures.sample_picture", draw)
    monkeypatch.setattr(
        "keras_gen.callbacks.previews.same_samples",
        lambda *_: np.clip(x[::-1] + 0.001, 0, 1),
    )
    text, _ = written(run, spec, x)
    samples, *near = np.split(drawn[0], 4)
    assert len(samples) == 8
    np.testing.assert_array_equal(near[0], x[::-1][:8])
    assert "8 samples with seed 0, and the examples nearest to each" in text
    assert "among the first 30 of training" in text


def test_tables_and_vectors_are_shown_in_cells(run):
    columns = Columns([Numeric("price"), Category("cut", ["Fair", HOSTILE])])
    x = np.stack([RNG.normal(500, 9, 30), RNG.integers(0, 2, 30)], axis=1)
    text, _ = written(run, columns, x)
    assert "<th>price</th><th>cut</th>" in text
    assert re.search(r"<td>nearest 1</td><td>[45]\d\d\.?\d*</td>", text)
    assert "<script" not in text
    assert "--out more.csv" in text
    text, _ = written(run, Vectors(3), RNG.normal(size=(30, 3)).astype("float32"))
    assert "<th>1</th><th>2</th><th>3</th>" in text
    assert "--out more.npy" in text


@pytest.mark.slow
def test_training_writes_a_report_and_a_command_writes_it_anew(tmp_path, capsys):
    np.save(tmp_path / "x.npy", RNG.normal(size=(80, 2)).astype("float32"))
    out = tmp_path / "run"
    how = {"size": "tiny", "epochs": 1, "settings": {"learning_rate": 1e-2}}
    zoo.train("vae", out, data=tmp_path / "x.npy", **how)
    before = (out / store.REPORT).read_text()
    assert "<td>learning_rate</td><td>0.01</td><td>chosen</td>" in before
    (out / store.REPORT).write_text("")
    cli.report(out)
    assert f"wrote {out / store.REPORT}" in capsys.readouterr().out
    assert (out / store.REPORT).read_text() == before
