"""Series, sounds and clips: from files to samples and artifacts."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from keras_gen import export, zoo
from keras_gen.specs import Classes, Clips, Series
from keras_gen.zoo import cli, store
from keras_gen.zoo.evaluation import data_of
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.sample import write_samples
from keras_gen.zoo.sounds import read_wav

from .runs import assert_equal_runs, interrupted
from .test_clips import moving, save_gif
from .test_sounds import ramp, tone

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Data by name."""
    root = tmp_path_factory.mktemp("signals")
    for name, pitch in {"low": 200, "high": 2000}.items():
        (root / "sounds" / name).mkdir(parents=True)
        for i in range(3):
            path = root / "sounds" / name / f"{i}.wav"
            wavfile.write(path, 8000, tone(pitch, 900 + i))
    for i in range(12):
        frames = moving(7, size=(20, 18), colour=(255 - i, 0, 9 * i))
        save_gif(root / f"clips/{i}.gif", frames)
    np.save(root / "recording.npy", np.sin(ramp(1100) / 9) * 30 + 500)
    np.savez(root / "series.npz", x=RNG.normal(size=(40, 21, 2)), y=[0, 1] * 20)
    return root


CASES = {
    "flow of a recording": ("flow", "recording.npy", {"window": 34}, Series(34, 1)),
    "gan of series": ("gan", "series.npz", {}, Series(21, 2)),
    "diffusion of sounds": ("diffusion", "sounds", {"window": 51}, Series(51, 1)),
    "vae of clips": (
        "vae",
        "clips",
        {"frames": 5, "image_size": (9, 8)},
        Clips(5, 9, 8, 3),
    ),
    "gan of clips": (
        "gan",
        "clips",
        {"frames": 3, "image_size": (8, 8, 1)},
        Clips(3, 8, 8, 1),
    ),
    "diffusion of clips": (
        "diffusion",
        "clips",
        {"frames": 2, "image_size": (8, 8)},
        Clips(2, 8, 8, 3),
    ),
}


EXPORTED = ("diffusion of sounds", "vae of clips", "diffusion of clips")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.long] * (case == "diffusion of sounds"))
        for case in CASES
    ],
)
def test_files_become_samples_and_artifacts(case, places, tmp_path):
    preset, place, how, spec = CASES[case]
    run, how = tmp_path / "run", {**how, "size": "tiny", "epochs": 1}
    model = zoo.train(preset, run, data=places / place, batch_size=16, **how)
    assert model.inputs == spec
    if preset != "autoencoder":
        known = Classes(2) if place in ("sounds", "series.npz") else None
        assert model.condition == known
    settings = store.settings_of(run)
    assert settings["kind"] == type(spec).__name__.lower()
    samples = {path.name for path in run.glob("samples.*")}
    is_game = preset == "gan"
    plays = {"samples.gif"} if isinstance(spec, Clips) else {"samples.png"}
    assert samples == plays | ({"samples.gif"} if is_game else set())
    if isinstance(spec, Clips):
        with Image.open(run / "samples.gif") as picture:
            assert picture.n_frames <= spec.frames
    again = data_of(run, model)
    assert again.train.data_shape == spec.shape
    if case in EXPORTED:
        path = export.tflite(model, tmp_path / "m.tflite", endpoints=["sample"])
        [found] = export.check(path).values()
        assert found["sample"]["error"] < 1e-4


def test_a_run_on_sounds_resumes_bit_for_bit_and_sounds(places, tmp_path, capsys):
    how = {"data": places / "sounds", "size": "tiny", "window": 64, "hop": 32}
    zoo.train("vae", tmp_path / "whole", epochs=2, **how)
    told = capsys.readouterr().out
    assert "held out: the last tenth of each recording" in told
    assert "rate: 8,000 values per second" in told

    with interrupted(1):
        zoo.train("vae", tmp_path / "cut", epochs=2, **how)
    with pytest.raises(UsageError, match="window=64, received 32"):
        zoo.train("vae", tmp_path / "cut", window=32, resume=True)
    zoo.train("vae", tmp_path / "cut", resume=True)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
    settings = json.loads((tmp_path / "cut/recipe.json").read_text())
    assert {k: settings[k] for k in ("kind", "window", "hop", "rate")} == {
        "kind": "series",
        "window": 64,
        "hop": 32,
        "rate": 8000,
    }
    model, rate = store.load(tmp_path / "cut"), store.rate_of(tmp_path / "cut")
    out = tmp_path / "a.wav"
    write_samples(model, out, num=2, seed=0, labels=None, rate=rate)
    rate, sound = read_wav(out)
    assert (rate, len(sound)) == (8000, 2 * 64 + 2000)
    expected = model.sample(2, seed=0, condition=[0, 1])
    np.testing.assert_allclose(sound[:64], expected[0].clip(-1, 1), atol=1e-4)
    with pytest.raises(UsageError, match="not trained on WAV files"):
        write_samples(model, tmp_path / "b.wav", num=2, seed=0, labels=None)


def test_inspect_takes_the_options_of_the_readers(places, capsys):
    command = ["inspect", str(places / "sounds"), "--window", "90", "--hop", "30"]
    cli.app([*command, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "Series"
    assert facts["shape"] == "90x1"
    assert facts["hop"] == "30 values"
    command = ["inspect", str(places / "clips"), "--frames", "4", "--image-size", "9"]
    cli.app([*command, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"] == "4x9x9x3"
    assert facts["frames"] == "4 of the 7 frames of each clip, evenly spaced"
