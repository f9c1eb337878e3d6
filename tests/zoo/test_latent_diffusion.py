"""The preset latent_diffusion: a VAE of images, then a diffusion by class."""

import csv

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.specs import Classes, Images, Latents
from keras_gen.zoo import store
from keras_gen.zoo.recipe import UsageError, find
from keras_gen.zoo.showing import facts_of

from .runs import assert_equal_runs, interrupted

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)
SMALL = {"blocks": 0, "channels": (8,)}


def plan(spec, condition=None, **settings):
    preset = find("latent_diffusion").tuned(settings, "latent_diffusion")
    return preset.pinned(spec, condition, "tiny").plan


def test_places_follow_the_sides():
    def latent(*sides, **settings):
        return plan(Images(*sides, 3), **settings)[0].build(0).latent

    assert latent(16, 16, **SMALL) == Latents((8, 8, 4))
    assert latent(64, 48, latent_channels=3, blocks=0) == Latents((16, 12, 3))
    for side, places in ((31, 16), (32, 8), (64, 8), (128, 16)):
        assert latent(side, side, blocks=0).shape[:2] == (places, places)
    with pytest.raises(UsageError, match="channels=8,8 for .*, which leave 4x5. Choo"):
        latent(16, 20, channels=(8, 8))
    with pytest.raises(UsageError, match="with sides from 16, received Images"):
        latent(15, 20)


def test_settings_make_both_models():
    how = {**SMALL, "feature_weight": 0.5, "adversarial_start": 0.25}
    how |= {"noise": 0.2, "guidance_scale": 3.0}
    first, second = plan(Images(16, 16, 1), Classes(3), **how)
    vae = first.build(0, steps=40)
    assert vae.condition is None
    assert vae.perceptual.weight == 0.5
    assert vae.adversarial.start == 10
    assert vae.likelihood.scale == 0.2
    model = second.build(0, vae, steps=40)
    assert model.condition == Classes(3)
    assert model.prior.guidance_scale == 3.0
    assert isinstance(model, kg.capabilities.Inpaints)
    plain = plan(Images(16, 16, 1), **SMALL)[0].build(0, steps=40)
    assert plain.perceptual is None
    assert plain.adversarial is None
    facts = facts_of("latent_diffusion")
    assert facts["epochs"] == {"autoencoder": 50, "prior": 50}


@pytest.mark.slow
def test_a_published_model_has_no_judges_and_answers_the_same(tmp_path, monkeypatch):
    judge = kg.networks.patch_discriminator((8, 8, 1), channels=(4,))
    features = kg.networks.conv_features((8, 8, 1), channels=(4, 4))
    judges = {
        "perceptual": kg.FeatureLoss(features),
        "adversarial": kg.PatchGame(judge),
    }
    drop, dense = keras.layers.Dropout(0.1), keras.layers.Dense(4)
    sizes = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    encoder = keras.Sequential([*sizes, drop, dense])
    _, decoder = kg.networks.mlp_vae((8, 8, 1), 2, units=(4,))
    vae = kg.VAE(encoder, decoder, likelihood=kg.Gaussian(0.1), **judges, seed=0)
    vae._counts["steps"].assign(7)
    for state in vae._random_states():
        state.assign(state + 5)
    flow = kg.Flow(kg.bijectors.real_nvp(2, units=(4,)), vae.latent, seed=1)
    model, run = kg.Latent(vae, flow), tmp_path / "run"
    run.mkdir()
    store.write_model(model, run / store.MODEL)
    settings = {"recipe": "vae_digits", "data": "digits", "epochs": 1}
    store.write_json(run / store.RECIPE, settings | {"batch_size": 1, "seed": 0})
    monkeypatch.setattr(store, "PRETRAINED", tmp_path)
    published = store.read_model(store.publish(run))
    assert type(published) is type(model)
    assert published.autoencoder.perceptual is None
    assert published.autoencoder.adversarial is None
    assert published.autoencoder.training_steps == 7
    gone = sum(
        w.shape.num_elements() for part in (features, judge) for w in part.weights
    )
    assert model.count_params() - published.count_params() == gone
    x = RNG.random((3, 8, 8, 1), np.float32)
    for ask in (
        lambda m: m.sample(3, seed=0),
        lambda m: m.encode(x),
        lambda m: m.decode(m.encode(x)),
        lambda m: m.reconstruct(x),
        lambda m: m.log_prob(x, seed=1),
        lambda m: np.stack(m._random_states()),
    ):
        np.testing.assert_array_equal(ask(published), ask(store.load(run)))


@pytest.mark.slow
@pytest.mark.long  # test_stages resumes two stages, too
def test_a_run_of_both_stages_resumes_to_the_same_weights(tmp_path):
    x = RNG.integers(0, 256, (40, 16, 16, 1), np.uint8)
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(40) % 2)
    how = {"data": tmp_path / "x.npz", "size": "tiny", "batch_size": 18}
    settings = {**SMALL, "feature_weight": 0.1, "adversarial_start": 0.5}
    settings["denoiser_channels"] = (8,)
    how |= {"epochs": [2, 2], "settings": settings}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    model = zoo.train("latent_diffusion", whole, **how)
    assert model.condition == Classes(2)
    assert model.autoencoder.adversarial.start == 2
    with (whole / store.HISTORY).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["autoencoder"] * 2 + ["prior"] * 2
    assert [bool(row["features"]) for row in rows] == [True] * 2 + [False] * 2
    games = [float(row["adaptive_weight"] or 0) for row in rows]
    assert games[0] == 0 < games[1]
    with interrupted(1):
        zoo.train("latent_diffusion", cut, **how)
    with interrupted(3):
        zoo.train("latent_diffusion", cut, resume=True)
    zoo.train("latent_diffusion", cut, resume=True)
    assert_equal_runs(whole, cut)
    images = zoo.load(cut).sample(2, seed=0, condition=[0, 1])
    assert images.shape == (2, 16, 16, 1)
