"""Artifacts of autoencoders with codes: images to codes, and codes to images."""

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export

from ..models.test_vq_vae import QUANTIZERS, X, vq_vae

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(params=["residual", "scalar"])
def model(request):
    model = vq_vae(QUANTIZERS[request.param]())
    if request.param == "residual":
        book = np.random.default_rng(1).normal(size=(2, 8, 2))
        model.quantizer.codebook.assign(book)
    return model


@pytest.mark.slow
def test_artifacts_know_the_codebook_and_refuse_other_codes(model, tmp_path):
    served = export.saved_model(model, tmp_path / "served", examples=X)
    phone = export.tflite(model, tmp_path / "phone.tflite", examples=X, batch_size=2)
    for path in (served, phone):
        (found,) = export.check(path).values()
        assert list(found) == ["reconstruct", "encode", "decode"]
        facts = export.artifact(path)["endpoints"]
        assert [name for name in found if facts[name].get("draws")] == [
            *("reconstruct", "encode")
        ]
    codes, number = model.encode(X[:2]), model.latent.num_codes
    loaded = tf.saved_model.load(str(served)).signatures
    lite = tf.lite.Interpreter(str(phone))
    for name, rows in {"encode": {"x": X[:2]}, "decode": {"z": codes}}.items():
        expected = codes if name == "encode" else model.decode(codes)
        (answer,) = loaded[name](
            **{k: tf.constant(v) for k, v in rows.items()}
        ).values()
        np.testing.assert_allclose(answer, expected, atol=1e-5)
        (answer,) = lite.get_signature_runner(name)(**rows).values()
        np.testing.assert_allclose(answer, expected, atol=1e-5)
    for wrong in (-1, number):
        bad = codes.copy()
        bad[1].flat[3] = wrong
        words = rf"z must hold values in \[0, {number}\)"
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            loaded["decode"](z=tf.constant(bad))
        (answer,) = lite.get_signature_runner("decode")(z=bad).values()
        np.testing.assert_allclose(answer[0], model.decode(codes[:1])[0], atol=1e-5)
        assert np.isnan(answer[1]).all()


@pytest.mark.slow
def test_rounded_weights_may_choose_other_codes(tmp_path):
    model = vq_vae(kg.VectorQuantizer(512))
    z = model.encoder(X).numpy().reshape(-1, 2)
    book = np.random.default_rng(1).uniform(z.min(0), z.max(0), (1, 512, 2))
    model.quantizer.codebook.assign(book)
    path = export.tflite(
        model, tmp_path / "half.tflite", quantization="float16", examples=X
    )
    (found,) = export.check(path).values()
    assert 0 < found["encode"]["mean_error"] < 0.05, "the share of other codes"
    facts = export.artifact(path)["endpoints"]
    assert facts["decode"]["tolerance"] < 0.1
    assert facts["encode"]["tolerance"] is facts["reconstruct"]["tolerance"] is None
