"""Diffusion conditioned on texts: words, their absence, guidance, and saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks, specs
from keras_gen.random import RowNoise, row_seeds
from keras_gen.samplers import Sampling
from keras_gen.tokenizers import CharacterTokenizer, WordTokenizer

WORDS = WordTokenizer(("red", "blue", " heart"))
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
TEXTS = ["red heart", "blue", "", "red"]
TOKENS = [[2, 4, -1], [3, -1, -1], [-1, -1, -1], [2, -1, -1]]


def network(**how):
    reader = networks.TextReader(WORDS.vocabulary_size, 3, width=8, depth=1, heads=2)
    built = networks.dit(
        (8, 8, 1), patch=4, width=16, depth=1, heads=2, text=reader, **how
    )
    for weight in built.weights:
        noise = np.random.default_rng(1).normal(size=weight.shape)
        weight.assign(weight + 0.2 * noise)
    return built


def model(**options):
    options = {"condition": specs.Tokens(WORDS.vocabulary_size, 3, WORDS)} | options
    sampling = Sampling("ddim", num_steps=3)
    return kg.Diffusion(network(), sampling=sampling, seed=0, **options)


@pytest.fixture(scope="module")
def words():
    return model()


def test_texts_are_their_tokens(words):
    assert words.condition.are_sentences
    assert words.condition.name == "text"
    found = words.sample(4, condition=TEXTS, seed=3)
    for same in (TOKENS, np.array(TOKENS), [[2, 4], [3], [], [2]], np.array(TEXTS)):
        again = words.sample(4, condition=same, seed=3)
        np.testing.assert_array_equal(again, found)
    assert np.abs(found - words.sample(4, condition=TEXTS[::-1], seed=3)).max() > 1e-3


def test_one_text_serves_all_samples(words):
    expected = words.sample(2, condition=["red heart"] * 2, seed=3)
    for one in ("red heart", ["red heart"], [2, 4, -1], [[2, 4]]):
        made = words.sample(2, condition=one, seed=3)
        np.testing.assert_array_equal(made, expected)


def test_tensors_may_be_shorter_than_the_text(words):
    seeds = tf.constant(row_seeds(3, 4))
    given = tf.constant([row[:2] for row in TOKENS])
    made = words.sample_rows(seeds, condition=given)
    expected = words.sample(4, condition=TEXTS, seed=3)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def loss_of(trained, condition, *, training=True):
    noise = RowNoise(tf.constant(row_seeds(0, 4)))
    known = tf.constant(condition, tf.int32)
    terms = trained.loss_terms(tf.constant(IMAGES), known, noise, training=training)
    return float(terms["loss"])


def test_a_dropped_text_is_an_empty_text():
    dropping = model(label_dropout=1 - 1e-9, ema_decay=None)
    empty = np.full((4, 3), -1)
    assert loss_of(dropping, TOKENS) == loss_of(dropping, empty)
    told = loss_of(dropping, TOKENS, training=False)
    assert told != loss_of(dropping, empty, training=False)
    assert loss_of(dropping, empty) == loss_of(dropping, empty, training=False)


def test_guidance_leads_away_from_the_empty_text(words):
    x = np.random.default_rng(5).normal(size=(4, 8, 8, 1)).astype("float32")
    levels = np.full(4, 0.6, "float32"), np.full(4, 0.8, "float32")
    told = words.predict_x0(x, *levels, condition=TEXTS)
    empty = words.predict_x0(x, *levels, condition=[""] * 4)
    assert np.abs(told - empty)[[0, 1, 3]].max(axis=(1, 2, 3)).min() > 1e-3
    scale = np.array([0.0, 1.0, 1.0, 2.5])
    found = words.predict_x0(x, *levels, condition=TEXTS, guidance_scale=scale)
    expected = empty + scale[:, None, None, None] * (told - empty)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_guidance_of_one_is_none(words):
    plain = words.sample(4, condition=TEXTS, seed=3)
    guided = words.sample(4, condition=TEXTS, seed=3, guidance_scale=np.ones(4))
    np.testing.assert_allclose(guided, plain, atol=1e-5)


@pytest.mark.slow
def test_a_trained_model_is_saved_with_its_words(tmp_path):
    trained = model()
    trained.compile(keras.optimizers.Adam(1e-2))
    trained.fit(IMAGES, TEXTS, epochs=2, batch_size=2, verbose=0)
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.condition == trained.condition
    found = [one.sample(4, condition=TEXTS, seed=3) for one in (trained, loaded)]
    np.testing.assert_array_equal(*found)
    for one in (trained, loaded):
        one.fit(IMAGES, TEXTS, epochs=1, batch_size=2, verbose=0)
    for mine, theirs in zip(trained.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_network_says_how_many_tokens_it_reads():
    usual = kg.Diffusion(network(), seed=0)
    assert usual.condition == specs.Tokens(5, 3, are_sentences=True)
    with pytest.raises(ValueError, match="text must hold tokens if the model has no"):
        usual.sample(4, condition=TEXTS)
    x, level, tokens = (
        keras.Input(shape, dtype=dtype)
        for shape, dtype in (((2,), "float32"), ((1,), "float32"), ((3,), "int32"))
    )
    embedded = keras.layers.Flatten()(keras.layers.Embedding(6, 2)(tokens + 1))
    y = keras.layers.Dense(2)(keras.layers.Concatenate()([x, level, embedded]))
    own = keras.Model([x, level, tokens], y)
    with pytest.raises(ValueError, match=r"specs.Tokens\(vocabulary_size, length\)"):
        kg.Diffusion(own)
    made = kg.Diffusion(own, condition=specs.Tokens(5, 3), seed=0)
    assert made.sample(2, condition=[1, 2], num_steps=2, seed=0).shape == (2, 2)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (specs.Tokens(5, 4), r"must fit the third input of the network, \(3,\)"),
        (specs.Classes(3), r"must fit the third input of the network, \(3,\)"),
        (specs.Tokens(4, 3), "must have the 5 tokens of the network's TextReader"),
        (specs.Tokens(5, 3, CharacterTokenizer("ab")), "same number of tokens"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(condition, message):
    with pytest.raises(ValueError, match=message):
        model(condition=condition)


def test_a_condition_without_an_input_is_refused():
    plain = networks.mlp_denoiser((2,), units=(4,))
    with pytest.raises(ValueError, match="third input of the network, which it lacks"):
        kg.Diffusion(plain, condition=specs.Classes(3))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (None, "text is missing: this model is conditional on Tokens"),
        ("red heart heart heart", "text must have at most 3 tokens per sentence"),
        ([[5]], r"text must be in \[0, 5\), or -1 after the end, received 5 in row 0"),
        ([[1, -1, 2]], "text must be padded at the end only"),
        (["red", "blue"], "condition has 2 rows for 3 samples"),
        ([b"red"] * 3, "Decode them first"),
    ],
)
def test_wrong_texts_are_named(words, condition, message):
    with pytest.raises(ValueError, match=message):
        words.sample(3, condition=condition, seed=0)


def test_unknown_characters_are_named():
    letters = CharacterTokenizer("abcde")
    spelled = model(condition=specs.Tokens(5, 3, letters))
    with pytest.raises(ValueError, match=r"text\[0\], position 2, holds .*'x'"):
        spelled.sample(1, condition=["abx"])


@pytest.mark.parametrize("wrong", [3, np.array(3), 1.5])
def test_a_number_is_no_text(words, wrong):
    with pytest.raises(ValueError, match="text must be texts or rows of tokens, rec"):
        words.sample(2, condition=wrong)
