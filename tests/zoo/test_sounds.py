"""Sounds, long recordings, and arrays that can be images or series."""

import re
import shutil

import numpy as np
import pytest
from scipy.io import wavfile

from keras_gen.specs import Clips, Images, Series, Vectors
from keras_gen.zoo import data, inspecting, sounds, using
from keras_gen.zoo.recipe import UsageError

RNG = np.random.default_rng(0)


def tone(pitch, length, rate=8000):
    return (np.sin(2 * np.pi * pitch * np.arange(length) / rate) * 2**14).astype("i2")


def ramp(length):
    """A recording whose values are their own places."""
    return np.arange(length, dtype="f4")


# Arrays

FLOATS = RNG.normal(size=(20, 9, 12))
UNIT = RNG.random((20, 9, 12))
ARRAYS = {
    "bytes": ((255 * UNIT[:, :3]).astype("u1"), {}, Images(3, 12, 1)),
    "values in [0, 1]": (UNIT, {}, Images(9, 12, 1)),
    "values in [0, 1] of few channels": (UNIT[..., :2], {}, Series(9, 2)),
    "other values": (FLOATS, {}, Series(9, 12)),
    "vectors": (FLOATS[..., 0], {}, Vectors(9)),
    "integers": (np.arange(60).reshape(20, 3), {}, Vectors(3)),
    "series of one channel": (FLOATS[..., 0], {"kind": "series"}, Series(9, 1)),
    "images that look like series": (UNIT[:, :3], {"kind": "images"}, Images(3, 12, 1)),
    "series that look like images": (UNIT, {"kind": "series"}, Series(9, 12)),
    "grey clips": (UNIT[..., None], {"kind": "clips"}, Clips(9, 12, 1, 1)),
    "clips": (UNIT[..., None, None], {}, Clips(9, 12, 1, 1)),
}


@pytest.mark.parametrize(("x", "how", "spec"), ARRAYS.values(), ids=ARRAYS)
def test_the_kind_of_an_array_follows_from_its_values(x, how, spec, tmp_path):
    np.save(tmp_path / "a.npy", x)
    loaded = data.load(tmp_path / "a.npy", **how)
    assert loaded.inputs == spec
    assumed = dict(loaded.facts).get("assumed", "")
    other = "series" if isinstance(spec, Images) else "images"
    other = "tokens" if x.dtype.kind == "i" else other
    is_unclear = x.ndim == 3 or x.dtype.kind == "i"
    assert (f"--kind {other}" in assumed) == (is_unclear and not how)
    assert loaded.train.x.dtype == ("u1" if x.dtype == "u1" else "f4")


def test_bytes_as_series_are_numbers(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 8, 1), 200, "u1"))
    loaded = data.load(tmp_path / "a.npy", kind="series")
    assert loaded.train.head(1).max() == 200


REFUSED = {
    "grey values or series": (
        np.arange(1440.0).reshape(20, 9, 8) % 256,
        {},
        "divide by 255 or store uint8 for images, or choose --kind series",
    ),
    "no such kind": (UNIT, {"kind": "sound"}, "kind must be one of series, images"),
    "wrong rank": (UNIT, {"kind": "vectors"}, r"must have shape \(n, features\), rec"),
    "a recording": (ramp(50), {}, "For windows of one recording, choose --window"),
    "window of examples": (UNIT, {"window": 4}, r"shape \(length,\) or .* \(20, 9, 12"),
    "short recording": (ramp(7), {"window": 4}, "received 7: expected at least two"),
    "shorter": (ramp(7), {"window": 9}, r"\(7\). Choose --window 7 or less"),
    "hop alone": (ramp(7), {"hop": 4}, "hop=4 requires a window"),
    "hop of 0": (ramp(7), {"window": 4, "hop": 0}, "hop must be an integer >= 1"),
    "two ways": (ramp(7), {"window": 4, "frames": 2}, "choose one"),
    "two kinds": (ramp(7), {"window": 4, "kind": "images"}, "window is for series"),
    "not a number": (ramp(50) * np.nan, {"window": 4}, "received 50 NaN"),
}


@pytest.mark.parametrize(("x", "how", "words"), REFUSED.values(), ids=REFUSED)
def test_arrays_that_do_not_fit_are_refused_by_name(x, how, words, tmp_path):
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(ValueError, match=words):
        data.load(tmp_path / "a.npy", **how)


def test_windows_are_for_arrays_and_sounds():
    with pytest.raises(ValueError, match="window is for arrays, .* received 4 for pyd"):
        data.load("pydocs", window=4)


# Recordings


def test_held_out_windows_are_the_end_of_a_recording(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([ramp(1000), -ramp(1000)], axis=1))
    loaded = data.load(tmp_path / "a.npy", window=30, hop=7)
    train, test = loaded.train.x, loaded.test.x
    assert loaded.inputs == Series(30, 2)
    np.testing.assert_array_equal(train[:, :, 1], -train[:, :, 0])
    np.testing.assert_array_equal(train[:, 0, 0], np.arange(0, 871, 7))
    np.testing.assert_array_equal(test[:, 0, 0], np.arange(900, 971, 7))
    np.testing.assert_array_equal(train[3, :, 0], np.arange(21, 51))
    facts = dict(loaded.facts)
    assert facts["recording"] == "1,000 values, 2 channels"
    assert facts["held out"] == "the last tenth of each recording"


def test_far_values_keep_their_digits(tmp_path):
    np.save(tmp_path / "a.npy", 1.7e9 + np.arange(500.0))
    train = data.load(tmp_path / "a.npy", window=10).train.x
    assert train.dtype == np.float64
    np.testing.assert_array_equal(np.diff(train[:, :, 0]), 1)


def test_short_recordings_are_held_out_as_a_whole():
    recordings = [sounds.Recording(str(i), np.full((9, 1), i)) for i in range(21)]
    cut = sounds.cut_windows(recordings, 8, 1, "here")
    assert set(cut.test.x.ravel()) == {9, 19}
    assert set(cut.train.x.ravel()) == {*range(21)} - {9, 19}
    assert dict(cut.facts)["held out"] == "every tenth recording, 2"
    cut = sounds.cut_windows(recordings[:3], 8, 1, "here")
    assert set(cut.test.x.ravel()) == {2}
    cut = sounds.cut_windows([sounds.Recording("a", ramp(20)[:, None])], 8, 4, "here")
    np.testing.assert_array_equal(cut.test.x[:, 0, 0], [12])
    np.testing.assert_array_equal(cut.train.x[:, 0, 0], [0, 4])


# WAV files

VALUES = np.array([[-1.0, 0.5], [0.25, 0.0]])
FORMATS = {
    "u1": 128 + 128 * VALUES,
    "i2": 2**15 * VALUES,
    "i4": 2**31 * VALUES,
    "f4": VALUES,
    "f8": VALUES,
}


@pytest.mark.parametrize("dtype", FORMATS)
def test_wav_files_of_all_formats_are_in_the_unit_range(dtype, tmp_path):
    wavfile.write(tmp_path / "a.wav", 11025, FORMATS[dtype].astype(dtype))
    rate, values = sounds.read_wav(tmp_path / "a.wav")
    assert (rate, values.dtype) == (11025, np.float32)
    np.testing.assert_array_equal(values, VALUES)
    wavfile.write(tmp_path / "b.wav", 11025, FORMATS[dtype].astype(dtype)[:, 1])
    np.testing.assert_array_equal(sounds.read_wav(tmp_path / "b.wav")[1], VALUES[:, 1:])


def test_a_folder_of_sounds_has_the_classes_of_its_folders(tmp_path):
    for name, pitch in {"low": 200, "high": 2000}.items():
        (tmp_path / name).mkdir()
        for i in range(4):
            wavfile.write(tmp_path / name / f"{i}.WAV", 8000, tone(pitch, 2000 + i))
    (tmp_path / ".hidden").mkdir()
    loaded = data.load(tmp_path, window=200)
    assert loaded.inputs == Series(200, 1)
    assert loaded.class_names == ("high", "low")
    assert loaded.rate == 8000
    assert (len(loaded.train), len(loaded.test)) == (8 * 9, 8)
    crossings = (np.diff(np.sign(loaded.train.x[..., 0])) != 0).sum(axis=1)
    np.testing.assert_array_equal(crossings > 50, loaded.train.labels == 0)
    facts = dict(inspecting.describe(loaded))
    assert facts["kind"] == "Series"
    assert facts["recordings"] == "8, 2.0 seconds together"
    assert facts["rate"] == "8,000 values per second, 1 channel"
    assert facts["window"] == "200 values, 0.025 seconds"
    assert facts["classes"] == "high (36), low (36)"
    assert "diffusion, flow, gan, restorer, vae" in facts["presets"]


def write_all(folder, files):
    for name, (rate, values) in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        wavfile.write(folder / name, rate, values)


WRONG = {
    "rates": (
        {"a.wav": (8000, tone(9, 50)), "b.wav": (16000, tone(9, 50))},
        {},
        "a.wav has 8,000 values per second and b.wav has 16,000: .* Resample one",
    ),
    "channels": (
        {"a.wav": (8000, tone(9, 50)), "b.wav": (8000, np.zeros((50, 2), "i2"))},
        {},
        "a.wav has 1 channels and b.wav has 2",
    ),
    "lengths": (
        {"a.wav": (8000, tone(9, 50)), "b.wav": (8000, tone(9, 70))},
        {},
        "from 50 to 70 values. Choose the length .* --window, at most 50",
    ),
    "short": (
        {"a.wav": (8000, tone(9, 50)), "b.wav": (8000, tone(9, 70))},
        {"window": 60},
        r"1 of 2 recordings are shorter .* 60 values: a.wav \(50\). Choose --window 50",
    ),
    "empty": ({"a.wav": (8000, np.zeros(0, "i2"))}, {}, r"a.wav: it holds no values"),
    "not finite": (
        {"a.wav": (8000, np.full(50, np.nan, "f4"))},
        {},
        r"1 of 1 WAV files cannot be decoded: a.wav. .* NaN",
    ),
    "loose": (
        {"cat/a.wav": (8000, tone(9, 50)), "b.wav": (8000, tone(9, 50))},
        {},
        r"both WAV files \(such as b.wav\) and folders \(such as cat\)",
    ),
}


@pytest.mark.parametrize(("files", "how", "words"), WRONG.values(), ids=WRONG)
def test_sounds_that_do_not_fit_are_refused_by_file(files, how, words, tmp_path):
    write_all(tmp_path, files)
    with pytest.raises(ValueError, match=words):
        data.load(tmp_path, **how)


def test_a_folder_without_sounds_and_a_damaged_file_are_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    with pytest.raises(
        ValueError, match="1 of 1 WAV files cannot be decoded: a.wav. Rep"
    ):
        data.load(tmp_path)
    with pytest.raises(ValueError, match="a.wav cannot be read as a WAV file"):
        sounds.read_wav(tmp_path / "a.wav")
    (tmp_path / "a.wav").unlink()
    with pytest.raises(
        ValueError, match=re.escape("holds no WAV files (.wav), and is empty.")
    ):
        data.load(tmp_path, kind="series")
    with pytest.raises(UsageError, match="hop=3 requires a window"):
        data.load(tmp_path, hop=3)


def test_samples_are_written_one_after_the_other(tmp_path):
    samples = np.stack([np.full((100, 2), 0.5), np.full((100, 2), -3.0)])
    sounds.write_wav(tmp_path / "a.wav", samples.astype("f4"), 400)
    rate, values = sounds.read_wav(tmp_path / "a.wav")
    assert (rate, values.shape) == (400, (300, 2))
    np.testing.assert_allclose(values[:100], 0.5, atol=1e-4)
    assert not values[100:200].any()
    np.testing.assert_allclose(values[200:], -1, atol=1e-4)


def test_sounds_have_splits_and_classes_as_images_have(tmp_path):
    for i, place in enumerate(["train/low", "train/high", "val/low", "test/high"]):
        (tmp_path / place).mkdir(parents=True)
        for j in range(i + 1):
            values = np.full((100 + 7 * j, 2), (i + 1) / 8, "f4")
            wavfile.write(tmp_path / place / f"{j}.wav", 8000, values)
    with pytest.warns(UserWarning, match="has no WAV files of"):
        loaded = data.load(tmp_path, window=50, hop=25)
    assert loaded.inputs == Series(50, 2)
    assert loaded.class_names == ("high", "low")
    assert [split.labels.tolist() for split in loaded.splits] == [
        [0] * 6 + [1] * 3,
        [0] * 12,
        [1] * 9,
    ]
    assert [set(split.x.ravel().tolist()) for split in loaded.splits] == [
        {1 / 8, 2 / 8},
        {4 / 8},
        {3 / 8},
    ]
    assert dict(loaded.facts)["held out"] == "by folder"
    for split in ("val", "test"):
        shutil.rmtree(tmp_path / split)
    loaded = data.load(tmp_path, window=50, hop=25)
    assert (loaded.class_names, len(loaded.test)) == (("high", "low"), 3)


def test_windows_of_files_are_decoded_once_into_the_cache(tmp_path, monkeypatch):
    wavfile.write(tmp_path / "a.wav", 8000, ramp(1000) / 1000)
    wavfile.write(tmp_path / "b.wav", 8000, 1 + ramp(70) / 1000)
    first = data.load(tmp_path, window=30, hop=7)
    assert isinstance(first.train.x, np.memmap)
    wavfile.write(tmp_path / "c.wav", 8000, ramp(1000) / 1000)
    alone = data.load(tmp_path / "c.wav", window=30, hop=7).train.x
    np.testing.assert_allclose(1000 * alone[:, 0, 0], np.arange(0, 871, 7), atol=1e-3)
    (tmp_path / "c.wav").unlink()
    np.testing.assert_array_equal(first.train.x[: len(alone)], alone)
    assert len(first.train) == len(alone) + 6
    starts = np.concatenate([first.train.x, first.test.x])[np.argsort(first.order)]
    assert (np.diff(starts[:, 0, 0]) > 0).all(), "the order is that of the recordings"
    reads = []
    monkeypatch.setattr(sounds, "_raw", reads.append)
    again = data.load(tmp_path, window=30, hop=7)
    assert reads == []
    np.testing.assert_array_equal(again.test.x, first.test.x)


def test_each_window_knows_its_file_and_its_place(tmp_path):
    files = {f"{kind}/{i}.wav": i for i in range(2) for kind in ("train/a", "test/a")}
    for name, i in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(tmp_path / name, 8000, i + ramp(200 + 50 * i) / 1000)
    by_split = data.load(tmp_path, window=30, hop=7)
    whole = data.load(tmp_path / "train" / "a", window=30, hop=7)
    for split in (*by_split.splits, *whole.splits):
        firsts = split.x[:, 0, 0] - [int(path[-5]) for path in split.paths]
        np.testing.assert_allclose(1000 * firsts, split.starts, atol=0.01)
        few = split.subset(np.array([2, 0]))
        assert few.paths == [split.paths[2], split.paths[0]]
        np.testing.assert_array_equal(few.starts, split.starts[[2, 0]])
    assert {*by_split.test.paths} == {str(tmp_path / f"test/a/{i}.wav") for i in (0, 1)}


def test_scores_of_windows_are_written_with_file_and_start(tmp_path):
    for i in range(2):
        wavfile.write(tmp_path / f"{i}.wav", 8000, tone(100, 90))
    loaded = data.load(tmp_path, window=20)
    found = using._in_order(loaded)
    scores = np.arange(8.0)
    how = {"unit": found.unit, "starts": found.starts, "rate": loaded.rate}
    judged = using.Judged(found.names, scores, scores > 6, None, 6, 9, 0.1, None, **how)
    using.write_scores(tmp_path / "s.csv", judged)
    first, *lines = (tmp_path / "s.csv").read_text().splitlines()
    assert first == "file,start,seconds,score,flagged"
    assert lines[5] == f"{tmp_path / '1.wav'},20,0.0025,5.0,0"
    assert lines[7].endswith("1.wav,60,0.0075,7.0,1")
    np.save(tmp_path / "a.npy", ramp(90))
    found = using._in_order(data.load(tmp_path / "a.npy", window=20))
    assert (found.unit, found.names) == ("row", ["0", "1", "2", "3"])
    np.testing.assert_array_equal(found.starts, [0, 20, 40, 70])


def test_long_recordings_are_read_in_parts(tmp_path, monkeypatch):
    values = RNG.normal(size=(999, 2)).astype("f4")
    wavfile.write(tmp_path / "a.wav", 8000, values)
    whole = np.array(data.load(tmp_path, window=10, hop=3).train.x)
    monkeypatch.setattr(sounds, "READ_BYTES", 800)
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / ".cache"))
    np.testing.assert_array_equal(data.load(tmp_path, window=10, hop=3).train.x, whole)


def test_broken_sounds_are_left_out_on_request(tmp_path):
    for i in range(4):
        wavfile.write(tmp_path / f"{i}.wav", 8000, tone(100 * i, 60))
    (tmp_path / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="1 of 4 WAV files .*: 2.wav. .*--skip-broken"):
        data.load(tmp_path)
    loaded = data.load(tmp_path, skip_broken=True)
    assert (len(loaded.train), len(loaded.test)) == (2, 1)
    assert loaded.notes[0].startswith("skipped 1 WAV file that cannot be decoded: 2.w")
    assert dict(inspecting.describe(loaded))["broken"].startswith("2.wav (")
