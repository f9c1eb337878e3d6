"""Tables in CSV files: what is read, what is refused, and what a run makes of them."""

import json
import sys

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.specs import Category, Columns, Date, Integer, Numeric, Target
from keras_gen.zoo import (
    compare,
    data,
    evaluation,
    frames,
    inspecting,
    sample,
    store,
)
from keras_gen.zoo.recipe import UsageError, find
from keras_gen.zoo.training import _summary

pandas = pytest.importorskip("pandas")
pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)
SMALL = "price,rooms,kind,town\n9.5,3,flat,Ulm\n8.25,4,house,Köln\n7,3,flat,Ulm\n"


def write(folder, text, name="homes.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def test_files_of_tabs_may_have_commas_in_their_header(tmp_path):
    path = tmp_path / "homes.tsv"
    path.write_text("a, b, c\trooms\nx,y\t3\nz\t4\nx,y\t5\nz\t6\n")
    letters, rooms = Category("a, b, c", ["x,y", "z"]), Integer("rooms", 3, 6)
    assert zoo.load_data(path).spec == Columns([letters, rooms])
    texts = zoo.load_data(path, column="a, b, c")
    found = [t for part in texts.splits for t in "".join(part.source.chunks()).split()]
    assert sorted(found) == ["x,y", "x,y", "z", "z"]


@pytest.mark.parametrize(("old", "new"), [(",", ";"), (",", "\t"), ("", "")])
def test_columns_are_found_whatever_the_delimiter(tmp_path, old, new):
    path = write(tmp_path, SMALL.replace(old, new) if old else "\ufeff" + SMALL)
    table = frames.read_table(path)
    assert table.spec == Columns(
        [
            Numeric("price", decimals=2),
            Integer("rooms", 3, 4),
            Category("kind", ["flat", "house"]),
            Category("town", ["Köln", "Ulm"]),
        ]
    )
    np.testing.assert_array_equal(table.rows[1], [8.25, 4, 1, 0])
    assert table.labels is None


def test_a_target_becomes_labels(tmp_path):
    table = frames.read_table(write(tmp_path, SMALL), "town")
    assert table.spec.names == ("price", "rooms", "kind")
    assert table.class_names == ("Köln", "Ulm")
    np.testing.assert_array_equal(table.labels, [1, 0, 1])


LINES = SMALL.splitlines()
WRONG = {
    "ragged": ([*LINES, "1,2,flat,Ulm,5"], None, "line 5 has 5 values, expected 4 "),
    "short": ([*LINES, "1,2", LINES[1]], None, "line 5 has 2 values, expected 4 as"),
    "all longer": (["a,b", "1,2,3", "4,5,6"], None, "line 2 has 3 values, expected 2"),
    "twice": (["a,b,a", "1,2,3"], None, "the header has 'a' twice. Rename or remove"),
    "no name": (["a,,b", "1,2,3"], None, "column 2 has no name .*index=False"),
    "no names": (["1,2.5", "2,3.5"], None, "its first line holds the numbers 1,2.5"),
    "open quote": (["a,b", '1,"2', "3,4"], None, "line 4: .* must end with one"),
    "half quoted": (["a,b", '1,"2"3', "3,4"], None, "line 2: .* must be doubled"),
    "empty": (["a,b", "1,", "2,"], None, "column 'b' is empty: remove it"),
    "no rows": (["a,b"], None, "must have rows below its header"),
    "no header": ([""], None, "must begin with a header"),
    "no target": (LINES, "cut", "no column 'cut'. Columns: price, rooms, kind, town"),
    "target missing": (["a,b", "x,1", ",2"], "a", "column 'a', row 1: .* 1 of 2 rows"),
}


@pytest.mark.parametrize(("lines", "target", "words"), WRONG.values(), ids=WRONG)
def test_a_bad_table_is_refused_by_file_and_place(lines, target, words, tmp_path):
    path = write(tmp_path, "".join(line + "\n" for line in lines))
    with pytest.raises(ValueError, match=rf"(?s)homes.csv.*{words}"):
        frames.read_table(path, target)


def test_another_encoding_is_named(tmp_path):
    path = write(tmp_path, "stadt,a\nKöln,1\n".replace("stadt", "städt"), encoding="l1")
    words = "UTF-8: byte 2, on line 1, is 0xe4 .* iconv -f latin1 -t utf-8 homes.csv"
    with pytest.raises(ValueError, match=words):
        frames.read_table(path)
    path = write(tmp_path, "a,b\n1,2\n", encoding="utf-16")
    with pytest.raises(ValueError, match=r"is 0xff .* iconv -f utf-16 -t utf-8"):
        frames.read_table(path)


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """300 homes: houses are large and dear, and there are two towns."""
    is_house, town = RNG.integers(0, 2, 300), RNG.choice(["Köln", "Ulm"], 300)
    rooms = np.where(is_house, 7, 2) + RNG.integers(0, 2, 300)
    price = 1e5 * rooms + RNG.normal(0, 1e4, 300)
    kind = np.where(is_house, "house", "flat")
    frame = pandas.DataFrame(
        {"price": price, "rooms": rooms, "kind": kind, "town": town}
    )
    path = tmp_path_factory.mktemp("tables") / "homes.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(homes, tmp_path_factory):
    """A short run conditioned on the town."""
    out = tmp_path_factory.mktemp("runs") / "homes"
    how = {"data": homes, "condition": "town", "size": "tiny", "batch_size": 32}
    zoo.train("vae", out, epochs=40, **how)
    return out


@pytest.mark.slow
def test_a_table_trains_and_gives_rows_like_its_own(run, tmp_path):
    settings = json.loads((run / "recipe.json").read_text())
    assert settings["class_names"] == ["Köln", "Ulm"]
    assert settings["condition"] == "town"
    model = zoo.load(run)
    assert model.condition == Target(2, "town", ["Köln", "Ulm"], 3)
    drawn = pandas.read_csv(run / store.TABLE)
    assert list(drawn) == ["price", "rooms", "kind", "town"]
    assert drawn["town"].tolist() == ["Köln", "Ulm"] * 500
    assert set(drawn["kind"]) == {"flat", "house"}
    houses = drawn["kind"] == "house"
    assert drawn["rooms"][houses].mean() > drawn["rooms"][~houses].mean() + 1.5
    out = tmp_path / "ulm.csv"
    labels = sample.parse_labels("Ulm", store.class_names(run))
    sample.write_samples(model, out, num=5, seed=3, labels=labels)
    drawn = model.sample(5, seed=3, condition={"town": "Ulm"})
    np.testing.assert_array_equal(drawn, model.sample(5, seed=3, condition=1))
    expected = model.inputs.to_frame(drawn).assign(town="Ulm")
    pandas.testing.assert_frame_equal(pandas.read_csv(out), expected, check_dtype=False)
    with pytest.raises(UsageError, match=r"or names \(Köln, Ulm\), received 'Bonn'"):
        sample.parse_labels("Bonn", store.class_names(run))
    with pytest.raises(UsageError, match="'Bonn'. The model has no .* --condition"):
        sample.parse_labels("Bonn")


@pytest.mark.slow
def test_other_rows_are_read_by_the_columns_of_the_run(run, homes, tmp_path):
    frame = pandas.read_csv(homes)
    flats = frame[frame["kind"] == "flat"]
    path = tmp_path / "flats.csv"
    flats.to_csv(path, index=False)
    _, figures, found = compare.evaluate_source(str(run), str(path))
    assert found.spec == zoo.load(run).inputs  # "house" has not disappeared
    assert figures["elbo"].num_samples == len(flats) // 10
    frame.assign(kind="barn").to_csv(path, index=False)
    with pytest.raises(ValueError, match="flats.csv: .*'barn', expected one of 'flat'"):
        compare.evaluate_source(str(run), str(path))


@pytest.mark.slow
def test_classes_keep_the_numbers_of_the_run(run, homes, tmp_path):
    """A file with one of the two towns: its label is 1, not 0."""
    frame = pandas.read_csv(homes)
    path = tmp_path / "ulm.csv"
    frame[frame["town"] == "Ulm"].to_csv(path, index=False)
    found = evaluation.data_of(run, zoo.load(run), path)
    assert found.class_names == ("Köln", "Ulm")
    assert set(found.train.labels) == set(found.test.labels) == {1}
    frame.assign(town="Bonn").to_csv(path, index=False)
    with pytest.raises(ValueError, match="classes Bonn, which are unknown .* Ulm"):
        evaluation.data_of(run, zoo.load(run), path)


def test_numbers_as_a_target_are_in_their_own_order(tmp_path):
    path = write(tmp_path, "a,n\n1.5,10\n2.5,9\n3.5,10\n")
    table = frames.read_table(path, "n")
    assert table.class_names == ("9", "10")
    np.testing.assert_array_equal(table.labels, [1, 0, 1])


def test_other_objects_are_no_tables():
    with pytest.raises(TypeError, match="or a DataFrame, received ndarray. Save arr"):
        data.load(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="table must have columns, received none"):
        data.load(pandas.DataFrame(index=range(3)))


def test_a_table_is_no_data_for_a_recipe_of_vectors(homes, tmp_path):
    with pytest.raises(ValueError, match="received the table homes with other columns"):
        zoo.train("nsf_breast_cancer", tmp_path / "run", data=homes)
    with pytest.raises(
        ValueError, match="target is for tables, columns of .* received 'town'"
    ):
        data.load("digits", target="town")


def test_columns_are_described_with_the_presets_that_take_them(homes, tmp_path):
    loaded = data.load(homes)
    facts = dict(inspecting.describe(loaded))
    assert facts["column rooms"].startswith("Integer: 2 to 8, mean ")
    model = find("vae").pinned(loaded.inputs, None, "tiny").build(0)
    text = _summary(model, loaded, {"recipe": "vae", "steps": 7})
    assert text.startswith("homes: 270 examples to train and 30 held out, a table of 4")
    assert f"\ncolumn rooms: {facts['column rooms']}\n" in text
    assert facts["column kind"].startswith("Category: flat (")
    assert facts["presets"] == "autoencoder, consistency, diffusion, flow, gan, vae"


MANY = """price,rooms,sold,new,town,tax
9.5,3,2020-01-05,True,Ulm,7
,4,2020-03-01,False,,7
7.25,,2020-02-01,,Ulm,7
8.0,3,,True,Bonn,7
"""


def test_missing_values_dates_and_constants_are_read_and_described(tmp_path):
    table = frames.read_table(write(tmp_path, MANY))
    assert table.spec.columns == (
        Numeric("price", decimals=2, has_missing=True),
        Integer("rooms", 3, 4, has_missing=True),
        Date("sold", "2020-01-05", "2020-03-01", has_missing=True),
        Category("new", [False, True, None]),
        Category("town", ["Bonn", "Ulm", None]),
        Integer("tax", 7, 7),
    )
    again = pandas.read_csv(tmp_path / "homes.csv", parse_dates=["sold"])
    assert table.spec.to_frame(table.rows)["sold"].equals(again["sold"].astype("M8[s]"))
    spec = Columns([*table.spec.columns[:5], Category("tax", [7, 8])])
    assert frames.read_table(tmp_path / "homes.csv", spec=spec).spec == spec
    facts = dict(inspecting.describe(data.load(again)))
    assert facts["column price"].startswith("Numeric: 7.25 to ")
    assert facts["column price"].endswith("2 decimals, 1 missing")
    assert facts["column sold"].endswith("2020-03-01, 1 missing")
    assert "missing (1)" in facts["column town"]
    assert facts["column tax"] == "Integer: always 7"


def test_a_frame_is_data_by_itself(homes):
    frame = pandas.read_csv(homes)
    found, read = data.load(frame, target="town"), data.load(homes, target="town")
    assert data.content_hash(found) == data.content_hash(read)
    assert found.target == Target(2, "town", ["Köln", "Ulm"], 3)


def test_parquet_asks_for_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"Parquet files requires .* pyarrow: pip "):
        data.load(tmp_path / "a.parquet")
