"""Training on one class, and detection of the others."""

import json

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.zoo import heartbeats
from keras_gen.zoo.data import only
from keras_gen.zoo.recipe import UsageError

few = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def test_one_class_is_kept_and_held_out_examples_of_others_are_anomalies():
    wine = zoo.load_data("wine")
    data = only(wine, "class_1")
    for split, kept in zip(wine.splits, data.splits, strict=True):
        np.testing.assert_array_equal(kept.x, split.x[split.labels == 1])
        assert kept.labels is None
    others = wine.test.x[wine.test.labels != 1]
    np.testing.assert_array_equal(data.anomalies.x, others)
    assert len(others) + len(data.test) == len(wine.test)
    assert data.class_names == ()
    counts = np.bincount(wine.train.labels)
    text = f"class_1, {counts[1]} of 142 examples to train; {len(others)} of other"
    assert dict(data.facts)["normal"].startswith(text)


def test_a_class_that_does_not_exist_is_refused():
    wine = zoo.load_data("wine")
    with pytest.raises(UsageError, match="received 'red'. Classes of wine: class_0, c"):
        only(wine, "red")
    with pytest.raises(UsageError, match="several classes, received 'class_1'"):
        only(only(wine, "class_0"), "class_1")


def test_a_class_without_held_out_examples_is_refused(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = np.r_[np.zeros(39), 1].astype(int)
    np.savez(tmp_path / "p.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    with pytest.raises(UsageError, match=r"examples of '1' to train and .* 1 and 0"):
        only(zoo.load_data(tmp_path / "p.npz"), "1")


WRONG = {
    "label alone": ({"label": "kind"}, "column of the classes of normal, received 'ki"),
    "condition": ({"normal": "a", "condition": "kind"}, "one class has no condition"),
    "unknown": ({"normal": "red"}, "--normal must be one of several classes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_do_not_fit_are_refused(case, tmp_path):
    given, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        zoo.train("vae", tmp_path / "run", data="wine", **given)


@few
@pytest.mark.slow
def test_a_run_on_one_class_of_a_table_detects_the_others(run, tmp_path):
    rng = np.random.default_rng(0)
    kinds = np.where(rng.uniform(size=2000) < 0.3, "odd", "usual")
    lines = [
        f"{kind},{a:.4f},{b:.4f}"
        for kind, (a, b) in zip(kinds, rng.normal(size=(2000, 2)), strict=True)
    ]
    far = [line.split(",") for line in lines]
    lines = [f"{k},{float(a) + 6 * (k == 'odd'):.4f},{b}" for k, a, b in far]
    path = tmp_path / "points.csv"
    path.write_text("\n".join(["kind,a,b", *lines]) + "\n")
    out = tmp_path / "run"
    status, printed, error = run(
        *("train", "flow", "--data", path, "--normal", "usual", "--label", "kind"),
        *("--size", "tiny", "--epochs", "3", "--out", out),
    )
    assert status == 0, error
    assert "normal: usual, " in printed
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["anomaly_auc"]["value"] > 0.98
    status, printed, error = run(
        *("detect", out, path, "--label", "kind", "--false-alarms", "0.02"),
        *("--out", tmp_path / "scores.csv", "--json"),
    )
    assert status == 0, error
    facts = json.loads(printed)
    usual = int((kinds == "usual").sum())
    assert facts["held_out"] < 0.8 * 200
    assert facts["roc_auc"]["value"] > 0.98
    flagged, number = facts["flagged_of"]["usual"]
    assert number == usual
    assert flagged / number < 0.06
    assert facts["flagged_of"]["odd"][0] / (2000 - usual) > 0.9
    status, printed, error = run("evaluate", out, "--json")
    assert status == 0, error
    again = json.loads(printed)["metrics"]["anomaly_auc"]["value"]
    assert again == pytest.approx(figures["anomaly_auc"]["value"], abs=1e-6)


def test_heartbeats_differ_where_their_classes_say():
    x, labels = heartbeats.beats(4000, 0)
    names = heartbeats.CLASSES
    mean = {name: x[labels == i, :, 0].mean(axis=0) for i, name in enumerate(names)}
    share = (labels == 0).mean()
    assert share == pytest.approx(heartbeats.NORMAL_SHARE, abs=4 * 0.0073)

    def near(name, seconds):
        place = heartbeats.PEAK + round(seconds * heartbeats.RATE)
        return mean[name][place]

    assert near("normal", 0) == pytest.approx(1.0, abs=0.1)
    assert near("normal", -0.17) - near("without-p", -0.17) > 0.07
    assert near("normal", 0.28) > 0.2
    assert near("ventricular", 0.28) < -0.2
    lifted = near("st-elevation", 0.15) - near("normal", 0.15)
    assert lifted == pytest.approx(0.165, abs=0.02)
    np.testing.assert_array_equal(heartbeats.beats(4000, 0)[0], x)
