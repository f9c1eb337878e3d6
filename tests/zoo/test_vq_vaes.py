"""The preset vq_vae: two stages, the second conditional."""

import csv

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.specs import Classes, Clips, Images, Series
from keras_gen.zoo import store
from keras_gen.zoo.recipe import UsageError, find
from keras_gen.zoo.showing import facts_of

from .runs import assert_equal_runs, interrupted

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)


def pinned(spec, condition=None, size="tiny", **settings):
    preset = find("vq_vae").tuned({"blocks": 0, **settings}, "vq_vae")
    return preset.pinned(spec, condition, size)


def built(*args, **options):
    return pinned(*args, **options).build(0, steps=10)


def codes(*args, **options):
    return pinned(*args, **options).plan[0].build(0).latent


def test_places_and_codes_follow_the_data_and_the_size():
    assert codes(Images(28, 28, 1)).shape == (7, 7)
    assert codes(Images(64, 48, 3)).shape == (8, 6)
    assert codes(Series(128, 2)).shape == (32,)
    assert codes(Clips(6, 16, 16, 1)) == kg.specs.Codes((3, 8, 8), 64)
    assert codes(Images(8, 8, 1), size="small").num_codes == 128
    scalar = codes(Images(8, 8, 1), scalar_sizes=(5, 3))
    assert scalar == kg.specs.Codes((4, 4), 15)


def test_the_second_stage_is_conditional():
    deep = built(Images(8, 8, 1), Classes(3), levels=2, num_codes=9)
    assert deep.latent == kg.specs.Codes((4, 4, 2), 9)
    assert deep.prior.length == 32
    pixels = built(Images(8, 8, 1), Classes(3), prior="pixel_cnn")
    assert isinstance(pixels.prior, kg.PixelAutoregressive)
    assert pixels.condition == Classes(3)
    facts = facts_of("vq_vae")
    assert facts["epochs"] == {"autoencoder": 50, "prior": 50}
    assert facts["settings"]["depth"]["default"] == 4


def test_settings_that_do_not_fit_each_other_are_refused():
    with pytest.raises(UsageError, match=r"levels are for a codebook.*_sizes=5,3\."):
        codes(Images(8, 8, 1), scalar_sizes=(5, 3), levels=2)
    words = "pixel_cnn is for the codes of images with levels=1"
    with pytest.raises(UsageError, match=words):
        built(Series(16, 1), prior="pixel_cnn")
    with pytest.raises(UsageError, match=words):
        built(Images(8, 8, 1), prior="pixel_cnn", levels=2)


@pytest.mark.slow
def test_a_run_of_both_stages_resumes_to_the_same_weights(tmp_path):
    x = RNG.integers(0, 256, (40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(40) % 2)
    how = {"data": tmp_path / "x.npz", "size": "tiny", "batch_size": 18}
    how |= {"epochs": [2, 2], "settings": {"levels": 2, "num_codes": 16}}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    model = zoo.train("vq_vae", whole, **how)
    assert model.condition == Classes(2)
    assert store.settings_of(whole)["epochs"] == [2, 2]
    with (whole / store.HISTORY).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["autoencoder"] * 2 + ["prior"] * 2
    assert [bool(row["perplexity"]) for row in rows] == [True] * 2 + [False] * 2
    with interrupted(1):
        zoo.train("vq_vae", cut, **how)
    with interrupted(3):
        zoo.train("vq_vae", cut, resume=True)
    zoo.train("vq_vae", cut, resume=True)
    assert_equal_runs(whole, cut)
    again = zoo.load(cut)
    uses = again.autoencoder.quantizer.uses.numpy()
    np.testing.assert_array_equal(uses, model.autoencoder.quantizer.uses.numpy())
    assert uses.sum() > 0
    figures = kg.metrics.evaluate(again, x[:4] / 255, condition=[0, 1, 0, 1])
    assert {"elbo", "bits_per_dim", "codebook_usage"} <= {*figures}
