"""`model(x)`, `predict` and Keras' `export`: the same answers, the same checks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks

from .marks import but_slow

FAMILIES = {  # and the method that gives the same
    "dense_autoencoder": "reconstruct",
    "conditional_vae": "reconstruct",
    "classifier": "log_probabilities",
    "conditional_wgan": None,
    "conditional_image_flow": "log_prob",
    "spline_flow": "log_prob",
    "binary_made": "log_prob",
    "language_model": "log_prob",
}
X = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)


@pytest.fixture(scope="module")
def vae():
    return kg.VAE(*networks.mlp_vae((8, 8, 1), 3, units=(8,)), seed=0)


@pytest.mark.parametrize(
    "name", but_slow([*FAMILIES], ("conditional_image_flow", "spline_flow"))
)
def test_every_form_of_the_examples_gets_the_answer_of_the_capability(
    name, make_case, tmp_path
):
    case = make_case(name)
    model, method = case.make(), FAMILIES[name]
    x, y = case.rows(case, 0, 40)
    given = x if y is None or name == "classifier" else [x, y]
    found = model.predict(given, batch_size=16, verbose=0)
    assert len(found) == 40
    assert np.isfinite(found).all()
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(model(given), found, **close)
    rows = tf.data.Dataset.from_tensor_slices(x if y is None else (x, y))
    np.testing.assert_allclose(model.predict(rows.batch(16), verbose=0), found, **close)
    if method == "log_probabilities":
        found_here = tf.nn.log_softmax(found)
        np.testing.assert_allclose(model.log_probabilities(x), found_here, **close)
    elif method is not None:
        given = {} if y is None else {"condition": y}
        expected = getattr(model, method)(x, **given)
        np.testing.assert_allclose(found, expected, **close)


@pytest.mark.parametrize(
    "name", but_slow(["conditional_vae", "spline_flow"], ["spline_flow"])
)
def test_keras_exports_a_model_that_was_never_called(name, make_case, tmp_path):
    case = make_case(name)
    model = case.make()
    x, y = case.rows(case, 0, 5)
    codes = model.encode(x, condition=y)  # leaves a compiled function behind
    model.export(tmp_path / "served", verbose=False)
    np.testing.assert_array_equal(model.encode(x, condition=y), codes)
    given = tf.constant(x) if y is None else [tf.constant(x), tf.constant(y)]
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    served = loaded.serve(given)
    expected = model(x if y is None else [x, y])
    np.testing.assert_allclose(served, expected, rtol=1e-5, atol=1e-6)


def test_texts_get_their_likelihood():
    network = networks.recurrent(3, width=4, units=(4,))
    model = kg.Autoregressive(
        network, kg.tokenizers.CharacterTokenizer("abc"), length=4
    )
    texts = ["ab", "cab", "b"]
    found = model.predict(texts, verbose=0)
    np.testing.assert_allclose(found, model.log_prob(texts), rtol=1e-5)


WITHOUT = {
    "guided_diffusion": r"sample\(n\).*predict_x0\(noisy, alpha, .*log_prob\(x\)",
    "super_resolution": r"restore\(x\).*predict_x0\(",
}


@pytest.mark.parametrize("name", WITHOUT)
def test_where_nothing_is_natural_the_error_names_what_is(name, make_case, tmp_path):
    case = make_case(name)
    model, (x, y) = case.make(), case.rows(case, 0, 5)
    for call in (
        lambda: model([x, y] if y is not None else x),
        lambda: model.predict(x, verbose=0),
        lambda: model.export(tmp_path / "served"),
    ):
        with pytest.raises(NotImplementedError, match=WITHOUT[name]):
            call()


BAD = {
    "bytes as floats": (X * 255, "Divide by 255"),
    "NaN": (np.where(X > 0.5, np.nan, X), "NaN or infinite"),
    "another size": (X[:, :4], r"must have shape \(batch, 8, 8, 1\)"),
    "no channel": (X[..., 0], "Add the channel axis"),
    "complex": (X.astype("complex64"), "real numbers"),
}


@pytest.mark.parametrize(("x", "message"), BAD.values(), ids=BAD)
def test_what_reconstruct_refuses_is_refused(vae, x, message):
    for call in (
        vae.reconstruct,
        vae,
        lambda x: vae.predict(x, verbose=0),
        lambda x: vae(tf.constant(x)),
    ):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_a_stream_is_looked_at_to_its_end(vae):
    rows = np.concatenate([X] * 5 + [X * 255])
    stream = tf.data.Dataset.from_tensor_slices(rows).batch(8)
    with pytest.raises(ValueError, match=r"batch 26 of x must hold .*Divide by 255"):
        vae.predict(stream, verbose=0)


def test_bytes_stand_for_a_255th(vae):
    x = np.round(X * 255).astype("uint8")
    expected = vae.reconstruct(x / np.float32(255))
    for found in (vae(x), vae.predict(x, verbose=0)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_labels_that_do_not_fit_are_refused(make_case):
    model = make_case("conditional_vae").make()
    with pytest.raises(ValueError, match="labels .*are missing"):
        model(X)
    with pytest.raises(ValueError, match=r"must be in \[0, 10\)"):
        model([X, np.full(40, 10)])
    with pytest.raises(ValueError, match=r"must be in \[0, 10\)"):
        model.predict([X, np.full(40, -1)], verbose=0)


def test_mixed_precision_sees_the_examples_as_they_are():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        pair = networks.mlp_autoencoder((8, 8, 1), 3, units=(8,))
        model = kg.Autoencoder(*pair, seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(model(X), model.reconstruct(X))


def test_gradients_flow_through_a_call(vae):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(vae(x))
    assert np.any(tape.gradient(total, x))


def test_a_batch_is_traced_once(vae, monkeypatch):
    """Keras would trace as many calls one by one as `fit` runs in one."""
    model = kg.VAE.from_config(vae.get_config())
    model.compile(jit_compile=False)
    model.fit(X, batch_size=4, verbose=0)
    steps, traced = model.steps_per_execution, []
    output = model._output

    def counted(self, *args, **kwargs):
        traced.append(1)
        return output(*args, **kwargs)

    monkeypatch.setattr(kg.VAE, "_output", counted)
    model.predict(X, batch_size=4, verbose=0)
    model.predict(X[:12], batch_size=4, verbose=0)
    assert len(traced) <= 2
    assert model.steps_per_execution == steps > 1


def test_a_classifier_needs_no_labels_in_a_stream(make_case):
    case = make_case("classifier")
    model, (x, _) = case.make(), case.rows(case, 0, 20)
    stream = tf.data.Dataset.from_tensor_slices(x).batch(8)
    found = model.predict(stream, verbose=0)
    np.testing.assert_allclose(found, model(x), rtol=1e-4, atol=1e-5)


class Twice(kg.model.GenerativeModel):
    """A user's own model, with or without a call."""

    arguments = ("inputs",)

    def loss_terms(self, x, labels, noise, *, training):
        return {"loss": tf.reduce_mean(x)}


class Called(Twice):
    def call(self, x):
        return 2 * x


def test_a_users_model_may_have_its_own_call():
    x = np.ones((4, 3), np.float32)
    model = Called(kg.specs.Vectors(3))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
    with pytest.raises(NotImplementedError, match="Twice .*define call"):
        Twice(kg.specs.Vectors(3)).predict(x, verbose=0)
