"""Fine-tuning: which weights of a trained model a new one begins with."""

import json

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.specs import Classes, Tokens, Vectors
from keras_gen.zoo import fine_tuning, store
from keras_gen.zoo.recipe import UsageError, find

from .runs import assert_equal_runs, interrupted, train

pytestmark = pytest.mark.usefixtures("without_xla")
RNG = np.random.default_rng(0)


def built(name, spec, condition=None, *, seed=0, **chosen):
    preset = find(name).tuned(chosen, name)
    return preset.pinned(spec, condition, "tiny").build(seed)


def assert_equal_weights(first, second):
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


def test_an_equal_model_takes_all_weights_and_nothing_else():
    donor, model = (built("diffusion", Vectors(3)) for _ in "ab")
    for weight in donor.network.weights:
        weight.assign(RNG.normal(size=weight.shape))
    donor._counts["steps"].assign(7)
    donor.scale.find(RNG.normal(size=(50, 3)))
    taken = fine_tuning.take_over(model, donor)
    assert taken == (model.network.count_params(), model.network.count_params(), [])
    assert_equal_weights(model.network, donor.network)
    assert_equal_weights(model.average, donor.network)
    assert model.training_steps == 0
    assert model.scale.needs_data


def test_layers_that_differ_are_new_and_named():
    donor = built("vae", Vectors(3), units=(16, 8))
    model = built("vae", Vectors(5), units=(16, 8))
    before = model.decoder.layers[-1].get_weights()
    taken = fine_tuning.take_over(model, donor)
    inner = donor.encoder.layers[-2:], donor.decoder.layers[-3:-1]
    assert taken.weights == sum(la.count_params() for pair in inner for la in pair)
    assert [name.split()[0] for name in taken.left] == ["encoder", "decoder"]
    assert taken.left[0].endswith("(5x16)")
    np.testing.assert_array_equal(before[0], model.decoder.layers[-1].get_weights()[0])
    line = fine_tuning.words(taken, {"from": "runs/a"})
    assert line.startswith(f"from runs/a: {taken.weights:,} of {taken.total:,} weights")
    assert line.endswith(f"; new: {', '.join(taken.left)}")


def test_a_layer_that_only_one_model_has_is_passed_over():
    donor = built("diffusion", Vectors(3))
    model = built("diffusion", Vectors(3), Classes(4))
    taken = fine_tuning.take_over(model, donor)
    assert [name.split()[-1] for name in taken.left] == ["(4x64)"]
    assert taken.total - taken.weights == 4 * 64


def test_parts_of_a_model_are_donors():
    latent = find("latent_diffusion_digits").build(0)
    vae = find("latent_diffusion_digits").plan[0].build(1)
    taken = fine_tuning.take_over(vae, latent)
    assert taken.left == []
    assert_equal_weights(vae.encoder, latent.autoencoder.encoder)
    other = find("latent_diffusion_digits").build(1)
    before = [np.array(w) for w in other.autoencoder.weights]
    taken = fine_tuning.take_over(other, latent)
    assert_equal_weights(other.prior.network, latent.prior.network)
    assert taken.total == latent.prior.network.count_params()
    for one, weight in zip(before, other.autoencoder.weights, strict=True):
        np.testing.assert_array_equal(one, weight)  # of the stage before


def test_a_tokenizer_stays_if_it_knows_the_text(tmp_path):
    tokenizer = kg.tokenizers.CharacterTokenizer.from_text("abc \n")
    donor = built("lstm", Tokens(tokenizer.vocabulary_size, 8, tokenizer))
    for text, known in {"ab c\n" * 900: tokenizer, "abd\n" * 900: None}.items():
        (tmp_path / "text.txt").write_text(text)
        data = zoo.load_data(tmp_path / "text.txt")
        assert fine_tuning.known_tokenizer(donor, data) == known


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
def test_a_run_is_fine_tuned_and_resumes_exactly(tmp_path, capsys):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", RNG.normal(size=(60, 4)).astype("float32"))
    how = {"size": "tiny", "settings": {"layers": 1, "learning_rate": 1e-2}}
    train("flow", tmp_path / "first", data=tmp_path / "a.npy", epochs=1, **how)
    how |= {"data": tmp_path / "b.npy", "epochs": 2, "start_from": tmp_path / "first"}
    train("flow", tmp_path / "whole", **how)
    settings = json.loads((tmp_path / "whole/recipe.json").read_text())
    assert settings["from"] == str(tmp_path / "first")
    assert "weights\n" in capsys.readouterr().out
    for at in (0, 1):  # before there is a checkpoint, and after
        out = tmp_path / f"cut{at}"
        with interrupted(at):
            train("flow", out, **how)
        train("flow", out, resume=True)
        assert_equal_runs(tmp_path / "whole", out)
    (out / store.MODEL).unlink()
    with pytest.raises(UsageError, match="has from=.*first, received .*whole"):
        train("flow", out, start_from=tmp_path / "whole", resume=True)


@pytest.mark.slow
def test_changed_and_foreign_weights_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(60, 4)).astype("float32"))
    how = {"data": tmp_path / "x.npy", "size": "tiny", "epochs": 1}
    with pytest.raises(UsageError, match="no weights of vae_digits fit the new model"):
        train("flow", tmp_path / "out", start_from="vae_digits", **how)
    with pytest.raises(UsageError, match="unknown recipe 'nothing'"):
        train("vae", tmp_path / "out", start_from="nothing", **how)
    settings = {"from": "vae_digits", "from_sha256": "0" * 64}
    with pytest.raises(UsageError, match="does not hold the weights with which the"):
        fine_tuning.donor_of(settings)
