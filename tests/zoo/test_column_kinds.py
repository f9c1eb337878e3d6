"""Kinds of columns that users correct, and runs on any category of a table."""

import json

import numpy as np
import pytest

from keras_gen import export, specs, zoo
from keras_gen.zoo import data, evaluation, store
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.settings import parse_columns

from .runs import assert_equal_runs, interrupted, train

pandas = pytest.importorskip("pandas")
pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
ZIPS = ["01067", "04109", "10115"]
CHOSEN = {"zip": "category", "grade": "numeric", "paid": "boolean", "day": "category"}
COLUMNS = specs.Columns(
    [
        specs.Category("zip", ZIPS),
        specs.Numeric("grade"),
        specs.Category("paid", [False, True]),
        specs.Category("day", ["2020-01-02", "2021-03-04"]),
        specs.Numeric("price", decimals=2),
    ]
)


def table(n=120):
    rng = np.random.default_rng(0)
    zips = rng.integers(0, 3, n)
    return pandas.DataFrame(
        {
            "zip": np.array(ZIPS)[zips],
            "grade": rng.integers(1, 7, n),
            "paid": rng.integers(0, 2, n),
            "day": rng.choice(["2020-01-02", "2021-03-04"], n),
            "price": (5.0 * zips + rng.normal(size=n)).round(2),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "homes.csv"
    table().to_csv(path, index=False)
    return path


def test_columns_are_of_the_kinds_that_are_said(path):
    assert data.load(path, columns=CHOSEN).spec == COLUMNS
    assert data.load(table(), columns=CHOSEN).spec == COLUMNS
    found = data.load(path).spec.columns
    assert found[0] == specs.Integer("zip", 1067, 10115)
    assert found[3] == specs.Date("day", "2020-01-02", "2021-03-04")
    read = data.load(path, columns=CHOSEN, target="zip")
    assert read.target == specs.Target(3, "zip", ZIPS)
    integers = data.load(path, columns={"grade": "category"}).spec.columns[1]
    assert integers.values == (1, 2, 3, 4, 5, 6)  # not texts


def test_texts_of_numbers_stay_in_their_order(tmp_path):
    rows = "\n".join(f"0{i},1" for i in range(12, 5, -1))
    (tmp_path / "a.csv").write_text("code,b\n" + rows + "\n,2\n")
    code = data.load(tmp_path / "a.csv", columns={"code": "category"}).spec.columns[0]
    assert code.values == (*(f"0{i}" for i in range(6, 13)), None)


def test_parquet_files_and_frames_keep_their_types(tmp_path):
    pytest.importorskip("pyarrow")
    frame = table()
    frame["paid"] = frame["paid"].astype(bool)
    frame["day"] = pandas.to_datetime(frame["day"])
    frame["kind"] = pandas.Categorical(["b", "a"] * 60, ["b", "a"])
    frame.loc[3, "price"] = None
    frame.to_parquet(tmp_path / "homes.parquet")
    read, given = data.load(tmp_path / "homes.parquet"), data.load(frame)
    assert data.content_hash(read) == data.content_hash(given)
    assert read.spec == specs.Columns(
        [
            specs.Category("zip", ZIPS),
            specs.Integer("grade", 1, 6),
            specs.Category("paid", [False, True]),
            specs.Date("day", "2020-01-02", "2021-03-04"),
            specs.Numeric("price", decimals=2, has_missing=True),
            specs.Category("kind", ["b", "a"]),
        ]
    )
    chosen = {"grade": "category", "price": "numeric"}
    found = data.load(tmp_path / "homes.parquet", columns=chosen).spec.columns
    assert found[1] == specs.Category("grade", [1, 2, 3, 4, 5, 6])


REFUSED = {
    "an unknown column": ({"zipp": "category"}, r"'zipp', which .*homes.csv lacks"),
    "an unknown kind": ({"zip": "text"}, "'zip' must be one of numeric, .* 'text'"),
    "no number": ({"day": "numeric"}, "column 'day', row 0: received '202.*numeric"),
    "no integer": ({"price": "integer"}, r"'price', row \d: .* an integer, .* \(kinds"),
    "no boolean": ({"grade": "boolean"}, r"'grade', row \d: .* true or false"),
    "no date": ({"grade": "date"}, r"'grade', row 0: received \d, expected a date as"),
}


@pytest.mark.parametrize(("chosen", "words"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_does_not_fit_is_named(chosen, words, path):
    with pytest.raises(ValueError, match=words):
        data.load(path, columns=chosen)


def test_fractions_are_no_categories():
    with pytest.raises(ValueError, match=r"'price', row \d: .* a text, an integer or"):
        data.load(table(), columns={"price": "category"})
    with pytest.raises(ValueError, match="columns is for tables in files"):
        data.load("digits", columns={"a": "numeric"})


def test_the_command_line_takes_pairs():
    assert parse_columns(["zip=category,grade = numeric", "a=b=date"]) == {
        "zip": "category",
        "grade": "numeric",
        "a=b": "date",
    }
    for text in ("zip", "zip=", "=date", "zip=date,"):
        with pytest.raises(UsageError, match="must be COLUMN=KIND, such as"):
            parse_columns([text])
    with pytest.raises(UsageError, match="names zip twice"):
        parse_columns(["zip=date,zip=integer"])


def test_inspect_shows_them(run, path):
    status, printed, _ = run("inspect", path, "--columns", "zip=category")
    assert status == 0
    assert "Category: 01067 (" in printed
    status, _, error = run("inspect", path, "--columns", "zip=code")
    assert status != 0
    assert "the kind of 'zip' must be one of numeric, integer" in error


HOW = {"condition": "any", "columns": CHOSEN, "size": "tiny", "batch_size": 32}
HOW |= {"settings": {"packing": 5}}


@pytest.fixture(scope="module")
def trained(path, tmp_path_factory):
    """A short run of the GAN on any category."""
    out = tmp_path_factory.mktemp("runs") / "homes"
    train("gan", out, data=path, epochs=2, **HOW)
    return out


@pytest.mark.slow
def test_a_run_on_any_category_is_resumed_bit_for_bit(trained, path, tmp_path):
    settings = json.loads((trained / "recipe.json").read_text())
    assert (settings["condition"], settings["columns"]) == ("any", CHOSEN)
    with interrupted(1):
        train("gan", tmp_path / "run", data=path, epochs=2, **HOW)
    train("gan", tmp_path / "run", resume=True)
    assert_equal_runs(trained, tmp_path / "run")
    with pytest.raises(UsageError, match="has columns="):
        train("gan", tmp_path / "run", resume=True, columns={"zip": "integer"})


@pytest.mark.slow
def test_its_samples_are_asked_for_by_name(trained, tmp_path, run):
    out = tmp_path / "made.csv"
    how = ("--num", 6, "--labels", "zip=04109,paid=True", "--out", out)
    assert run("sample", trained, *how)[0] == 0
    made = pandas.read_csv(out, dtype={"zip": str})
    assert (made["zip"][::2] == "04109").all()
    assert made["paid"][1::2].all()
    status, _, error = run("sample", trained, "--labels", "zip=1", "--out", "a.csv")
    assert status == 2
    assert "names (none, zip=01067, zip=04109" in error
    assert len(pandas.read_csv(trained / store.TABLE)) == 1000


@pytest.mark.slow
def test_its_data_are_read_with_its_columns(trained, path, tmp_path):
    model = zoo.load(trained)
    assert model.inputs == COLUMNS
    assert evaluation.data_of(trained, model).spec == COLUMNS
    table(50).to_csv(tmp_path / "other.csv", index=False)
    found = evaluation.data_of(trained, model, tmp_path / "other.csv")
    assert found.train.x[:, 0].max() == 2


@pytest.mark.slow
def test_its_artifacts_take_the_names(trained, tmp_path):
    from keras_gen.zoo.exporting import export_source

    folder = export_source(str(trained), tmp_path / "phone", "tflite").parent
    export.check(folder)
    (artifact,) = json.loads((folder / "manifest.json").read_text())[
        "artifacts"
    ].values()
    assert artifact["class_names"][:3] == ["none", "zip=01067", "zip=04109"]
    assert artifact["columns"][0]["values"] == ZIPS


@pytest.mark.slow
def test_any_category_needs_one(path, tmp_path):
    with pytest.raises(UsageError, match="any is for tables with categories"):
        train("gan", tmp_path / "run", data="digits", condition="any", epochs=1)
    with pytest.raises(UsageError, match="columns can be chosen for presets only"):
        train("vae_digits", tmp_path / "run", columns={"a": "date"})
