"""`keras-gen detect` and `impute`, as users meet them."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import keras_gen as kg
from keras_gen import zoo
from keras_gen.zoo import exporting, using
from keras_gen.zoo.evaluation import some
from keras_gen.zoo.printing import print_metrics

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def lines_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def points(tmp_path):
    """Points of two moons and of a ring, shuffled, with their kind."""
    moons, ring = (zoo.load_data(name).test.x[:500] for name in ("two_moons", "rings"))
    x, y = np.concatenate([moons, ring]), np.repeat([0, 1], 500)
    order = np.random.default_rng(0).permutation(1000)
    path = tmp_path / "points.npz"
    np.savez(path, x=x[order], y=y[order])
    return path, x[order], y[order]


@pytest.mark.slow
def test_a_flow_of_moons_flags_points_of_rings_in_the_order_of_the_file(
    run, points, tmp_path
):
    path, x, y = points
    out = tmp_path / "scores.csv"
    status, printed, error = run(
        *("detect", "nsf_two_moons", path, "--out", out, "--normal", "0", "--json"),
        *("--false-alarms", "0.02"),
    )
    assert status == 0, error
    lines = lines_of(out)
    assert [line["row"] for line in lines] == [str(row) for row in range(1000)]
    assert [int(line["class"]) for line in lines] == y.tolist()
    scores = np.array([float(line["score"]) for line in lines])
    expected = -zoo.load("nsf_two_moons").log_prob(x)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    facts = json.loads(printed)
    assert facts["roc_auc"]["value"] == pytest.approx(roc_auc_score(y, scores))
    assert facts["roc_auc"]["value"] > 0.9
    flagged = np.array([int(line["flagged"]) for line in lines])
    assert facts["flagged"] == flagged.sum()
    assert facts["flagged_of"] == {
        "0": [int(flagged[y == 0].sum()), 500],
        "1": [int(flagged[y == 1].sum()), 500],
    }
    assert flagged[y == 0].mean() < 0.05
    assert flagged[y == 1].mean() > 0.7
    assert facts["held_out"] == 10_000


def test_without_labels_counts_are_printed(run, tmp_path):
    x = zoo.load_data("digits").test.x
    np.save(tmp_path / "x.npy", np.concatenate([x[:60], 1 - x[:40]]))
    out = tmp_path / "scores.csv"
    arguments = ("detect", "vae_digits", tmp_path / "x.npy", "--out", out)
    status, printed, error = run(*arguments)
    assert status == 0, error
    assert list(lines_of(out)[0]) == ["row", "score", "flagged"]
    flagged = [int(line["flagged"]) for line in lines_of(out)]
    assert flagged[60:] == [1] * 40  # inverted digits, where they are in the file
    assert f"{sum(flagged)} ({sum(flagged) / 100:.2%})" in printed
    assert "0.01 of 360 held-out" in printed
    status, _, error = run(*arguments)
    assert (status, "exists" in error) == (2, True)


def test_images_are_named_by_their_files(run, tmp_path):
    """Folders of classes: digits, and noise, which a VAE of digits has not seen."""
    digits = zoo.load_data("digits").test.x[:40, ..., 0]
    noise = np.random.default_rng(0).random((40, 8, 8))
    for name, images in (("digit", digits), ("noise", noise)):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for i, image in enumerate(images):
            picture = Image.fromarray((255 * image).astype(np.uint8))
            picture.save(tmp_path / "scans" / name / f"{i:02}.png")
    out = tmp_path / "scores.csv"
    status, printed, error = run(
        *("detect", "vae_digits", tmp_path / "scans", "--out", out),
        *("--normal", "digit", "--false-alarms", "0.05"),
    )
    assert status == 0, error
    lines = lines_of(out)
    files = {line["file"] for line in lines}
    assert files == {str(path) for path in tmp_path.glob("scans/*/*.png")}
    assert all(f"/{line['class']}/" in line["file"] for line in lines)
    flagged = {line["class"] for line in lines if line["flagged"] == "1"}
    assert "noise" in flagged
    assert "flagged of noise  40 of 40 (100.00%)" in " ".join(printed.split("\n"))
    assert "ROC-AUC" in printed


WRONG = {
    "no such class": (["--normal", "9"], ["one of several classes", "x: 0, 1."]),
    "no table": (["--label", "kind"], ["--label is for tables", "'kind'"]),
    "no rate": (["--false-alarms", "0"], ["false_alarms must be in (0, 1)"]),
    "small rate": (["--false-alarms", "0.001"], ["at least 999 held-out", "360"]),
    "no csv": (["--out", "scores.txt"], ["--out must end in .csv", "scores.txt"]),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_line(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", x=np.zeros((4, 8, 8), np.float32), y=[0, 1, 0, 1])
    status, out, error = run("detect", "vae_digits", "x.npz", *arguments)
    assert (status, out) == (2, "")
    assert len(error.splitlines()) == 1
    assert all(word in error for word in words), error
    assert not (tmp_path / "scores.csv").exists()


def test_few_held_out_examples_allow_the_smallest_rate(run, tmp_path):
    x = zoo.load_data("digits").test.x[:200]
    np.savez(tmp_path / "x.npz", x=x)
    own = (tmp_path / "x.npz", "--data", tmp_path / "x.npz")
    arguments = (*own, "--out", tmp_path / "scores.csv", "--json")
    status, printed, error = run("detect", "vae_digits", *arguments)
    assert status == 0, error
    facts = json.loads(printed)
    assert facts["held_out"] == 20
    assert facts["false_alarms"] == 0.0477  # 1 / 21, rounded up


def test_a_model_without_scores_says_so(run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.float32))
    status, _, error = run(
        *("detect", "gan_digits", tmp_path / "x.npy", "--out", tmp_path / "s.csv")
    )
    assert status != 0
    assert "a likelihood, a bound of it, a density of codes or rec" in error


def test_the_parts_of_a_split_are_its_examples(monkeypatch):
    monkeypatch.setattr(using, "ROWS", 7)
    split = zoo.load_data("digits").test.subset(np.arange(20))
    model = zoo.load("conditional_vae_digits")
    parts = list(using._parts(model, split))
    assert [len(x) for x, _ in parts] == [7, 7, 6]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), split.x)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), split.labels)


TABLE = """id;price;kind;rooms;new;sold;seen
a;1.50;flat;1;true;2020-01-05;2020-01-05 10:00:00
b;;house;;false;;
c;3e0;;3;;2020-02-01;2020-02-01 12:30:00
"d;e";4.5;house;9;true;2020-03-01;2020-03-01 09:15:00
"""


HOMES = kg.specs.Columns(
    [
        kg.specs.Numeric("price"),
        kg.specs.Category("kind", ["flat", "house"]),
        kg.specs.Integer("rooms", 1, 9),
        kg.specs.Category("new", [False, True]),
        kg.specs.Date("sold", "2020-01-01", "2020-12-31"),
        kg.specs.Date("seen", "2020-01-01", "2020-12-31", unit="s"),
    ]
)


def saved(folder, spec):
    """A run folder with a VAE that knows the scale of its data, and no more."""
    folder.mkdir()
    pair = kg.networks.mlp_vae(spec, 2, units=(8,))
    model = kg.VAE(*pair, inputs=spec, seed=0)
    model.scale.find(spec.stand_in(50))
    model.save(folder / "model.keras")
    return folder


def test_imputing_a_csv_file_fills_its_empty_cells_alone(run, tmp_path):
    pytest.importorskip("pandas")
    folder = saved(tmp_path / "run", HOMES)
    (tmp_path / "holes.csv").write_text(TABLE)
    out = tmp_path / "filled.csv"
    arguments = ("impute", folder, tmp_path / "holes.csv", "--seed", 3, "--out")
    status, printed, error = run(*arguments, out)
    assert status == 0, error
    assert printed == f"filled 6 values of 2 rows, wrote {out}\n"
    with out.open(newline="") as file:
        filled = list(csv.reader(file, delimiter=";"))
    holes = list(csv.reader(TABLE.splitlines(), delimiter=";"))
    for given, made in zip(holes, filled, strict=True):
        assert all(a in ("", b) for a, b in zip(given, made, strict=True))
        assert "" not in made
    _, price, _, rooms, _, sold, seen = filled[2]
    assert re.fullmatch(r"2020-\d\d-\d\d", sold)
    assert re.fullmatch(r"2020-\d\d-\d\d \d\d:\d\d:\d\d", seen)
    assert len(price) < 12  # the digits of a float32
    assert np.isfinite(float(price))
    assert rooms in map(str, range(1, 10))
    assert filled[3][2] in ("flat", "house")
    assert filled[3][4] in ("true", "false")  # as in the file
    (tmp_path / "holes.csv").write_text(TABLE.replace("flat", "barn"))
    status, _, error = run(*arguments, tmp_path / "again.csv")
    assert status == 2
    assert "holes.csv: x: column 'kind', row 0: received 'barn'" in error


@pytest.mark.slow
def test_imputing_an_array_keeps_what_is_known(run, tmp_path):
    folder = saved(tmp_path / "run", kg.specs.Vectors(3))
    holes = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    holes[2, 1] = holes[4] = np.nan
    np.save(tmp_path / "holes.npy", holes)
    arguments = ("impute", folder, tmp_path / "holes.npy", "--out")
    status, printed, error = run(*arguments, tmp_path / "filled.npy")
    assert status == 0, error
    assert "filled 4 values of 2 rows" in printed
    filled, known = np.load(tmp_path / "filled.npy"), ~np.isnan(holes)
    np.testing.assert_array_equal(filled[known], holes[known])
    assert np.isfinite(filled).all()
    status, _, error = run(*arguments, tmp_path / "filled.csv")
    assert (status, "--out must end in .npy" in error) == (2, True)
    (tmp_path / "holes.csv").write_text(TABLE)
    status, _, error = run(
        *("impute", folder, tmp_path / "holes.csv", "--out", tmp_path / "a.csv")
    )
    assert status == 2
    assert (
        "fills in .npy files, or with --mask images, of Vectors(num_values=3" in error
    )


@pytest.mark.slow
def test_parts_of_images_are_filled_in_by_a_mask(run, tmp_path):
    (tmp_path / "in").mkdir()
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8), np.uint8)
    for i, image in enumerate(x):
        Image.fromarray(image).save(tmp_path / f"in/{i}.bmp")
    mask = np.zeros((8, 8), np.uint8)
    mask[5:, 2:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    arguments = ("impute", "vae_digits", tmp_path / "in")
    masked = ("--mask", tmp_path / "mask.png", "--out")
    status, printed, error = run(*arguments, *masked, tmp_path / "out")
    assert status == 0, error
    assert printed == f"filled 36 values of 2 rows, wrote {tmp_path / 'out'}\n"
    for i, image in enumerate(x):
        with Image.open(tmp_path / f"out/{i}.png") as filled:
            assert ((np.asarray(filled) != image) <= (mask > 0)).all()
            assert (np.asarray(filled) != image).sum() > 10
    first = tmp_path / "in/0.bmp"
    assert run("impute", "vae_digits", first, *masked, tmp_path / "a.png")[0] == 0
    with Image.open(tmp_path / "a.png") as one:
        assert one.size == (8, 8)
    status, _, error = run(*arguments, "--out", tmp_path / "b")
    assert (status, "or with --mask images" in error) == (2, True)
    np.save(tmp_path / "mask.npy", np.ones((8, 7)))
    masked = ("--mask", tmp_path / "mask.npy", "--out", tmp_path / "b")
    status, _, error = run(*arguments, *masked)
    assert (status, "mask.npy: mask must have shape (8, 8, 1)" in error) == (2, True)


@pytest.mark.slow
def test_classes_are_chosen_for_conditional_models(run, tmp_path):
    holes = np.full((3, 8, 8, 1), np.nan, np.float32)
    holes[:, :4] = 0.5
    np.save(tmp_path / "x.npy", holes)
    arguments = ("impute", "conditional_vae_digits", tmp_path / "x.npy", "--out")
    status, _, error = run(*arguments, tmp_path / "a.npy")
    assert (status, "Choose it by --labels" in error) == (2, True)
    status, _, error = run(*arguments, tmp_path / "a.npy", "--labels", "3,4")
    assert status == 0, error
    filled = np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(filled[:, :4], holes[:, :4])
    assert np.isfinite(filled).all()


def test_few_held_out_examples_are_joined_by_training_examples_for_int8():
    digits = zoo.load_data("digits")
    few = dataclasses.replace(digits, test=digits.test.subset(np.arange(8)))
    examples = exporting._examples(few)
    assert len(examples) == exporting.CALIBRATION_EXAMPLES
    np.testing.assert_array_equal(examples[:8], few.test.x)
    assert len(np.unique(examples.reshape(220, -1), axis=0)) == 220
    np.testing.assert_array_equal(
        exporting._examples(digits), some(digits.test, 220)[0]
    )


def test_a_model_without_figures_says_why(capsys):
    print_metrics({}, 8)
    said = "no figures: samples are compared with held-out examples, at least 10, rec"
    assert capsys.readouterr().out.startswith(said)


def test_what_cannot_score_or_fill_in_is_refused_at_once(run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8, 1), "f4"))
    out = ("--out", tmp_path / "a.npy")
    status, _, error = run("impute", "gan_digits", tmp_path / "x.npy", *out)
    assert (status, "cannot fill in values: that takes a VAE, a" in error) == (2, True)
    out = ("--out", tmp_path / "a.csv")
    status, _, error = run("detect", "gan_digits", "digits", *out)
    assert (status, "cannot score examples: that takes" in error) == (2, True)


@pytest.mark.slow
def test_lines_between_codes_are_those_of_the_model(run, tmp_path):
    out = tmp_path / "lines.npy"
    status, printed, error = run(
        *("interpolate", "vae_digits", "--num", 3, "--steps", 5, "--out", out)
    )
    assert status == 0, error
    assert printed == f"wrote 3 lines of 5 examples to {out}\n"
    x = zoo.load_data("digits").test.x
    expected = zoo.load("vae_digits").interpolate(x[:3], x[3:6], 5)
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)
    picture = tmp_path / "lines.png"
    assert run("interpolate", "vae_digits", "--num", 3, "--out", picture)[0] == 0
    with Image.open(picture) as drawn:  # 8 points in 3 lines
        assert drawn.width / drawn.height == pytest.approx(8 / 3, rel=0.05)
    many = ("interpolate", "vae_digits", "--num", 181, "--out", tmp_path / "a.npy")
    status, _, error = run(*many)
    assert (status, "--num must be at most 180" in error) == (2, True)


@pytest.mark.slow
@pytest.mark.usefixtures("without_xla")
@pytest.mark.filterwarnings("default:.*are resized")
def test_small_images_of_a_folder_become_large_files(run, tmp_path):
    random, large = np.random.default_rng(0), tmp_path / "large"
    large.mkdir()
    for i in range(12):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(large / f"{i}.png")
    how = {"data": large, "size": "tiny", "epochs": 1, "condition": "none"}
    model = zoo.train("restorer", tmp_path / "run", **how)
    small = tmp_path / "small"
    (small / "a").mkdir(parents=True)
    (small / "b").mkdir()
    images = random.integers(0, 256, (2, 4, 4, 3), np.uint8)
    for name, pixels in zip("ab", images, strict=True):
        Image.fromarray(pixels).save(small / name / "x.webp", lossless=True)
    Image.fromarray(images[0]).save(small / "a" / "x.png")
    out = tmp_path / "out"
    status, printed, error = run("restore", tmp_path / "run", small, "--out", out)
    assert status == 0, error
    assert printed.endswith(f"restored 3 examples, wrote {out}\n")
    expected = model.restore(images[[0, 0, 1]] / 255, seed=0)
    names = "a/x.png.png", "a/x.webp.png", "b/x.png"
    for name, image in zip(names, expected, strict=True):
        with Image.open(out / name) as file:
            np.testing.assert_allclose(np.array(file), 255 * image, atol=0.51)
    one = tmp_path / "one.npy"
    arguments = (small / "b" / "x.webp", "--out", one)
    assert run("restore", tmp_path / "run", *arguments)[0] == 0
    assert np.load(one).shape == (1, 16, 16, 3)
    status, _, error = run("restore", tmp_path / "run", large, "--out", tmp_path / "c")
    assert status == 0, error
    assert "12 of 12 images are resized to 4x4, from 16x16 (12)" in error
    assert len([*(tmp_path / "c").iterdir()]) == 12
    status, _, error = run("restore", "ddpm_digits", one, "--out", tmp_path / "d")
    assert (status, "--out must end in .png or .npy" in error) == (2, True)


def test_a_broken_image_is_named(run, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    arguments = (tmp_path / "broken.png", "--out", tmp_path / "out.png")
    status, _, error = run("restore", "ddpm_digits", *arguments)
    assert (status, "broken.png cannot be decoded as an image" in error) == (2, True)


def test_noise_is_removed(run, tmp_path):
    x = zoo.load_data("digits").test.x[:50]
    noise = 0.3 * np.random.default_rng(0).normal(size=x.shape)
    noisy = np.clip(x + noise, 0, 1).astype(np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    out = tmp_path / "clean.npy"
    arguments = (tmp_path / "noisy.npy", "--out", out)
    status, printed, error = run("restore", "denoising_autoencoder_digits", *arguments)
    assert status == 0, error
    assert printed == f"restored 50 examples, wrote {out}\n"
    before, after = (np.square(made - x).mean() for made in (noisy, np.load(out)))
    assert after < before / 1.5
    out.unlink()
    status, _, error = run("restore", "vae_digits", *arguments)
    assert status == 2
    assert "vae does not restore: that takes a Restorer" in error
