"""TextVAE: its bounds by integration, its sentences, what training hides."""

import itertools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

import keras_gen as kg
from keras_gen import networks
from keras_gen.random import RowNoise, normal, row_seeds
from keras_gen.tokens import from_rows
from keras_gen.writing import Writer

SIZE, END, LENGTH = 3, 0, 6
TEXTS = ["abc def", "ba ba", "hag hag hag", "cafe"]
TOKENIZER = kg.tokenizers.CharacterTokenizer("\n abcdefgh")
ROWS = from_rows([[1, 2, 1, END], [END], [2, 2, 1, 1, 1, END], [1, 1, 1, 2, 2, 2]])
DECODERS = {
    "lstm": lambda **o: networks.recurrent(SIZE, width=6, units=(5,), **o),
    "transformer": lambda **o: networks.causal_transformer(
        SIZE, width=8, depth=1, heads=2, context=8, **o
    ),
}


def build(decoder="lstm", latent_dim=2, classes=0, **options):
    """A model whose weights are large enough for probabilities that differ."""
    random.seed(0)
    sizes = {"width": 5, "units": (4, 3), "condition_size": classes}
    encoder = networks.text_encoder(SIZE, latent_dim, **sizes)
    decoder = DECODERS[decoder](condition_size=latent_dim + classes)
    model = kg.TextVAE(
        encoder, decoder, length=LENGTH, end_token=END, seed=3, **options
    )
    rng = np.random.default_rng(0)
    for weights in model.trainable_variables:
        weights.assign(rng.normal(size=weights.shape))
    return model


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Compiling takes longer here than it saves."""
    monkeypatch.setattr(Writer, "compiles_loops", False)


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def overfitted():
    random.seed(0)
    encoder = networks.text_encoder(10, 4, width=16, units=(32,), cell="gru")
    decoder = networks.recurrent(10, width=16, units=(48,), condition_size=4)
    objective = kg.ELBO(free_bits=0.5)
    model = kg.TextVAE(
        encoder, decoder, TOKENIZER, length=16, seed=1, objective=objective
    )
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(2 * TEXTS, epochs=120, batch_size=8, verbose=0)
    return model


def terms(model, x=ROWS, *, training=False):
    noise = RowNoise(row_seeds(0, len(x)), 0)
    found = model.loss_terms(tf.constant(x), None, noise, training=training)
    return {name: float(value) for name, value in found.items()}


def log_likelihood(model, x, z):
    """log p(x | z) in float64, by the decoder's call on each row alone."""
    total = []
    for row, latent in zip(x, z, strict=True):
        row = row[row >= 0]
        before = np.array([[SIZE, *row[:-1]]], "int32")
        logits = model.decoder(before, latent[None].astype("float32"))[0].numpy()
        logs = logits - logsumexp(logits.astype(float), axis=-1, keepdims=True)
        total.append(logs[np.arange(len(row)), row].sum())
    return np.array(total)


def log_evidence(model, row, points=401):
    """log p(x) of a model with one latent dimension, by the trapezoidal rule."""
    z = np.linspace(-8, 8, points)
    log_prior = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    rows = np.repeat(row[None], points, axis=0)
    log_joint = model._log_likelihood(
        tf.constant(rows), tf.constant(z[None, :, None], tf.float32)
    )
    return logsumexp(log_joint.numpy()[0] + log_prior) + np.log(z[1] - z[0])


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_likelihood_is_the_product_over_the_tokens(decoder):
    model, z = build(decoder), np.random.default_rng(1).normal(size=(2, len(ROWS), 2))
    x = tf.constant(model.inputs.check(ROWS, "x"))
    found = model._log_likelihood(x, tf.constant(z, tf.float32)).numpy()
    trained = model._log_likelihood(x, tf.constant(z, tf.float32), training=True)
    for sample in range(2):
        expected = log_likelihood(model, ROWS, z[sample])
        np.testing.assert_allclose(found[sample], expected, rtol=1e-5)
        np.testing.assert_allclose(trained[sample], expected, rtol=1e-5)
    assert np.abs(found[0] - found[1]).min() > 1e-3


def test_the_probabilities_of_all_strings_sum_to_1_whatever_the_latent_vector(model):
    strings = np.array(list(itertools.product(range(SIZE), repeat=3)), "int32")
    for z in ([0.0, 0.0], [1.0, -2.0]):
        latent = tf.tile(tf.constant([[z]]), [1, len(strings), 1])
        logs = model._log_likelihood(tf.constant(strings), latent).numpy()
        assert np.exp(logs).sum() == pytest.approx(1, abs=1e-5)


def test_the_bounds_rise_from_the_elbo_to_the_evidence():
    model = build(latent_dim=1)
    kernel, bias = model.encoder.head.variables
    kernel.assign(0.2 * kernel)  # posteriors as wide as the prior, a little off
    bias.assign([0.5, -0.5])
    told = model.decoder.entry.kernel
    told.assign(0.3 * told)
    evidence = np.array([log_evidence(model, row) for row in ROWS])
    few = [model.importance_log_prob(ROWS, 10, seed=seed).mean() for seed in range(10)]
    elbo = model.elbo(np.repeat(ROWS, 100, axis=0), seed=1).reshape((-1, 100))
    found = model.importance_sampling(ROWS, 1000, seed=3)
    errors = elbo.std(axis=1) / 10
    assert (elbo.mean(axis=1) < evidence + 3 * errors).all()
    assert elbo.mean() < np.mean(few) < found.log_prob.mean()
    assert (found.effective_sample_size > 50).all()
    error = np.abs(found.log_prob - evidence) * found.effective_sample_size**0.5
    assert (error < 4).all()  # standard errors


def test_the_divergence_is_the_closed_form(model):
    mean, log_var = np.split(model.encoder(ROWS).numpy().astype(float), 2, axis=1)
    expected = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1)
    model.compile()
    found = terms(model)
    assert found["kl"] == pytest.approx(expected.mean(), rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["reconstruction_nll"] - found["kl"])


def test_the_divergence_costs_nothing_before_the_warm_up():
    model = build(objective=kg.ELBO(warmup_steps=10), word_dropout=0.0)
    model.compile()
    found = terms(model, training=True)
    assert found["loss"] == pytest.approx(found["reconstruction_nll"])
    assert terms(model)["loss"] == pytest.approx(-found["elbo"], rel=1e-5)


def test_padding_has_no_effect(model):
    longer = np.pad(ROWS, [(0, 0), (0, 3)], constant_values=-1)
    codes = model.encoder(ROWS).numpy()
    np.testing.assert_allclose(model.encoder(longer), codes, atol=1e-6)
    for row, code in zip(ROWS, codes, strict=True):
        alone = model.encoder(row[row >= 0][None]).numpy()[0]
        np.testing.assert_allclose(alone, code, atol=1e-5)
    first, padded = model.elbo(ROWS[:2, :4], seed=1), model.elbo(ROWS[:2], seed=1)
    np.testing.assert_allclose(first, padded, rtol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_encoder_reads_both_ways_as_its_layers_do(cell):
    encoder = networks.text_encoder(SIZE, 2, width=5, units=(4,), cell=cell)
    row = ROWS[2:3]
    embedded = encoder.embedding(row)
    ways = (embedded, encoder.forward[0]), (embedded[:, ::-1], encoder.backward[0])
    read = np.concatenate([block(x)[:, -1] for x, block in ways], axis=1)
    np.testing.assert_allclose(encoder(row), encoder.head(read), atol=1e-6)
    one_way = networks.text_encoder(SIZE, 2, units=(4,), bidirectional=False)
    assert one_way.backward == []
    assert one_way.head.kernel.shape == (4, 4)


def test_training_hides_a_share_of_the_tokens(monkeypatch):
    model, seen = build(word_dropout=0.3), []
    model.compile()
    x = np.random.default_rng(0).integers(1, SIZE, (2000, LENGTH)).astype("int32")
    call = model.decoder.call

    def spy(before, *args, **options):
        seen.append(np.array(before))
        return call(before, *args, **options)

    monkeypatch.setattr(model.decoder, "call", spy)
    terms(model, x, training=True)
    (shown,) = seen
    hidden = shown[:, 1:] != x[:, :-1]
    assert (shown[:, 0] == SIZE).all()
    assert (shown[:, 1:][hidden] == SIZE).all()
    error = np.sqrt(0.3 * 0.7 / 2000)
    np.testing.assert_allclose(hidden.mean(axis=0), 0.3, atol=4 * error)
    correlation = np.corrcoef(hidden.T) - np.eye(LENGTH - 1)
    assert np.abs(correlation).max() < 4 / np.sqrt(2000)


def test_nothing_is_hidden_outside_training():
    models = [build(word_dropout=share) for share in (0.0, 0.9)]
    for model in models:
        model.compile()
    kept, dropped = (terms(model) for model in models)
    assert kept == dropped
    kept, dropped = (terms(model, training=True) for model in models)
    assert kept["kl"] == dropped["kl"]
    assert abs(kept["loss"] - dropped["loss"]) > 1e-2
    assert kept == pytest.approx(terms(models[0]), rel=1e-5)


@pytest.mark.slow
def test_a_reloaded_model_goes_on_as_if_never_saved(tmp_path, assert_same_state):
    networks = pair(condition_size=2)
    model = kg.TextVAE(*networks, length=LENGTH, end_token=END, seed=3)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    x, options = np.tile(ROWS, (2, 1)), {"batch_size": 4, "verbose": 0}
    model.fit(x, epochs=1, **options)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(x, epochs=2, initial_epoch=1, **options)
    assert_same_state(model, loaded)
    np.testing.assert_array_equal(model.sample(3, seed=1), loaded.sample(3, seed=1))


def test_decoding_takes_the_likeliest_token_up_to_the_end(model):
    z = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    tokens = model.decode(z)
    np.testing.assert_array_equal(tokens, model.decode(z))
    assert tokens.shape == (20, LENGTH)
    before = np.pad(tokens, [(0, 0), (1, 0)], constant_values=SIZE)[:, :-1]
    likeliest = model.decoder(np.maximum(before, 0), z).numpy().argmax(axis=-1)
    for row, best in zip(tokens, likeliest, strict=True):
        row = row[row >= 0]
        np.testing.assert_array_equal(row, best[: len(row)])
        assert_ends(row)
    assert len({tuple(row) for row in tokens}) > 1


def assert_ends(row):
    """The end is the last token, and there is no other; or there is no room for it."""
    assert END not in row[:-1]
    assert row[-1] == END or len(row) == LENGTH


def test_samples_end_at_the_end(model):
    rows = [row[row >= 0] for row in model.sample(50, seed=2)]
    for row in rows:
        assert_ends(row)
    assert any(row[-1] == END for row in rows)


def test_a_beginning_goes_on_from_the_prior_or_from_a_given_latent_vector(model):
    prompts, seeds = [[1], [2, 1], []], row_seeds(5, 3)
    drawn = model.complete(prompts, 4, seed=5)
    z = normal(tf.constant(seeds), (2,), -1).numpy()
    np.testing.assert_array_equal(model.complete(prompts, 4, seed=5, z=z), drawn)
    first = drawn[0][drawn[0] >= 0][1:]
    np.testing.assert_array_equal(list(model.stream([1], 4, seed=5)), first)
    greedy = model.complete([[]] * 3, z=z, temperature=0)
    decoded = model.decode(z)
    np.testing.assert_array_equal(greedy, decoded[:, : greedy.shape[1]])
    tokens, scores = model.beam_search([1], 3, num_beams=9)
    again = log_likelihood(model, tokens, np.zeros((len(tokens), 2)))
    again -= log_likelihood(model, np.array([[1]]), np.zeros((1, 2)))
    np.testing.assert_allclose(scores, again, atol=1e-4)


def test_an_overfitted_model_gives_its_sentences_back(overfitted):
    assert overfitted.reconstruct(TEXTS) == TEXTS
    codes = overfitted.encode(TEXTS)
    assert overfitted.decode(codes) == TEXTS
    rows = from_rows([TOKENIZER.encode(text + "\n") for text in TEXTS])
    np.testing.assert_array_equal(overfitted.encode(rows), codes)
    tokens = overfitted.reconstruct(rows)
    np.testing.assert_array_equal(tokens[:, : rows.shape[1]], rows)
    figures = kg.metrics.evaluate(overfitted, TEXTS, importance_samples=5)
    assert figures["rate"].value > 1
    assert 0 < figures["active_units"].value <= 4
    total = figures["rate"].value + figures["distortion"].value
    assert total == pytest.approx(-figures["elbo"].value)


def test_the_ends_of_an_interpolation_are_reconstructions(overfitted):
    lines = overfitted.interpolate(TEXTS[:2], TEXTS[2:], 3)
    assert [line[0] for line in lines] == TEXTS[:2]
    assert [line[-1] for line in lines] == TEXTS[2:]
    middle = overfitted.encode(TEXTS).reshape((2, 2, -1)).mean(axis=0)
    assert [line[1] for line in lines] == overfitted.decode(middle)
    rows = [overfitted.inputs.check(part, "x") for part in (TEXTS[:2], TEXTS[2:])]
    tokens = overfitted.interpolate(*rows, 3)
    assert tokens.shape == (2, 3, 16)
    assert overfitted._writer.texts_of(tokens[1]) == lines[1]


def test_texts_come_back_without_their_end(overfitted):
    for text in overfitted.sample(5, seed=0, temperature=0):
        assert "\n" not in text
        assert text in TEXTS
    assert overfitted.complete("hag", seed=0).startswith("hag")


TEXT = {"tokenizer": TOKENIZER}
CALLS = {
    "long": (
        lambda m: m.encode(np.ones((1, 7), "int32")),
        "6 tokens per sent.* received 7",
    ),
    "long tensor": (
        lambda m: m.encode(tf.ones((1, 7), "int32")),
        "6 tokens per sent.* received 7",
    ),
    "token": (lambda m: m.encode([[3]]), r"\[0, 3\)"),
    "text": (lambda m: m.reconstruct(["ab"]), "must hold tokens if"),
    "latent vector": (lambda m: m.decode(np.zeros((1, 3))), r"\(batch, 2\)"),
    "told": (
        lambda m: m.complete([[1]], z=np.zeros((2, 2))),
        "z must have one row per example, received 2",
    ),
    "steps": (lambda m: m.interpolate(ROWS, ROWS, 1), "steps must be at least 2"),
    "ends": (lambda m: m.interpolate(ROWS, ROWS[:2], 3), "same number of rows"),
    "labels": (lambda m: m.fit(ROWS, np.zeros(4, int)), "unconditional"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_bad_input_is_refused(model, call, message):
    model.compile()
    with pytest.raises(ValueError, match=message):
        call(model)


def test_one_text_is_no_list_of_texts(overfitted):
    with pytest.raises(ValueError, match="must be a list of texts"):
        overfitted.encode("abc")
    with pytest.raises(ValueError, match="b: x must be a list of texts"):
        overfitted.interpolate(["abc"], "abcd", 3)
    with pytest.raises(ValueError, match="tokens per sentence.* received 17"):
        overfitted.fit(["a" * 16])


def pair(latent_dim=2, size=SIZE, **options):
    encoder = networks.text_encoder(size, latent_dim, width=4, units=(4,))
    return encoder, networks.recurrent(SIZE, width=4, units=(4,), **options)


def relu_encoder():
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(SIZE + 1, 4),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(4, activation="relu"),
        ]
    )


BUILDS = {
    "no condition": (lambda: kg.TextVAE(*pair()), "condition_size > 0"),
    "latent": (lambda: kg.TextVAE(*pair(condition_size=3)), r"\(batch, 6\)"),
    "sizes": (
        lambda: kg.TextVAE(*pair(size=4, condition_size=2)),
        "tokens, received 4 and 3",
    ),
    "tokenizer": (
        lambda: kg.TextVAE(*pair(condition_size=2), TOKENIZER),
        "same number of tokens, received 10",
    ),
    "share": (
        lambda: kg.TextVAE(*pair(condition_size=2), word_dropout=1.0),
        r"word_dropout must be a number in \[0, 1\)",
    ),
    "length": (
        lambda: kg.TextVAE(*pair(condition_size=2), length=0),
        "length must be > 0",
    ),
    "end": (
        lambda: kg.TextVAE(*pair(condition_size=2), end_token=3),
        r"end_token must be in \[0, 3\)",
    ),
    "squashed": (
        lambda: kg.TextVAE(relu_encoder(), pair(condition_size=2)[1], length=6),
        "log variances, which can be negative.*always >= 0",
    ),
    "units": (lambda: networks.text_encoder(3, 2, units=()), "units must be"),
    "latent_dim": (lambda: networks.text_encoder(3, 0), "latent_dim must be > 0"),
    "cell": (lambda: networks.text_encoder(3, 2, cell="rnn"), "cell must be one of"),
    "no line break": (
        lambda: kg.TextVAE(
            *pair(condition_size=2), kg.tokenizers.CharacterTokenizer("abc")
        ),
        r"a character that is one token, received '\\n'",
    ),
}


@pytest.mark.parametrize(("build", "message"), BUILDS.values(), ids=BUILDS)
def test_a_model_that_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


LABELS = np.array([1, 0, 1, 1])


def test_classes_enter_both_networks_as_one_hot_vectors():
    model = build(classes=2)
    assert (model.condition, model.latent.shape) == (kg.specs.Classes(2), (2,))
    x, hot = model.inputs.check(ROWS, "x"), np.eye(2, dtype="float32")[LABELS]
    means = model.encoder(x, hot)[:, :2]
    z = model.encode(ROWS, condition=LABELS)
    np.testing.assert_allclose(z, means, atol=1e-6)
    assert np.abs(z - model.encode(ROWS, condition=1 - LABELS)).min() > 1e-3
    given = np.concatenate([z, hot], axis=1)
    expected = log_likelihood(model, x, given)
    found = model._log_likelihood(
        tf.constant(x), tf.constant(z)[None], tf.constant(hot)
    )
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    tokens = model.decode_tokens(z, condition=LABELS)
    likeliest = model._writer.likeliest(tf.constant(given))
    np.testing.assert_array_equal(tokens, likeliest)
    np.testing.assert_array_equal(tokens, model.reconstruct(ROWS, condition=LABELS))


@pytest.mark.slow
def test_given_a_class_the_elbo_is_below_the_evidence_of_that_class():
    model = build(latent_dim=1, classes=2)
    row = model.inputs.check(ROWS[:1], "x")
    z = np.linspace(-8, 8, 401)
    evidence = []
    for label in range(2):
        known = np.repeat(np.eye(2)[label][None], len(z), axis=0)
        given = np.concatenate([z[:, None], known], axis=1)
        logs = log_likelihood(model, np.repeat(row, len(z), axis=0), given)
        total = logsumexp(logs - 0.5 * z**2 - 0.5 * np.log(2 * np.pi))
        evidence.append(total + np.log(z[1] - z[0]))
        many, labels = np.repeat(row, 500, axis=0), np.full(500, label)
        elbo = model.elbo(many, condition=labels, seed=1)
        assert elbo.mean() < evidence[label]
        near = model.importance_log_prob(row, 2000, condition=[label])
        np.testing.assert_allclose(near, evidence[label], atol=0.1)
    assert abs(evidence[0] - evidence[1]) > 0.05


def test_classes_are_asked_for_in_writing(model):
    classed = build(classes=2)
    drawn = [classed.sample(6, seed=2, condition=label) for label in (0, 1)]
    assert not np.array_equal(*drawn)
    z = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    both = [
        classed.complete([[1]] * 6, 3, z=z, seed=0, condition=[c] * 6) for c in (0, 1)
    ]
    assert not np.array_equal(*both)
    logits = classed.next_logits([[1], [1]], condition=[0, 1])
    hot = np.concatenate([np.zeros((2, 2)), np.eye(2)], axis=1).astype("float32")
    expected = classed.decoder(tf.constant([[SIZE, 1]] * 2), hot)[:, 1]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert len(classed.beam_search([1], 3, num_beams=2, condition=[1])[1]) == 2
    assert len([*classed.stream([1], 3, seed=0, condition=[1])]) <= 3
    with pytest.raises(ValueError, match="labels are missing"):
        classed.sample(2, seed=0)
    with pytest.raises(ValueError, match="condition must be None"):
        model.sample(2, seed=0, condition=[0, 1])


def test_an_encoder_of_your_own_takes_classes_as_second_input():
    tokens = keras.Input((LENGTH,), dtype="int32")
    labels = keras.Input((2,))
    seen = keras.ops.cast(tokens, "float32")
    both = keras.layers.Concatenate()([seen, labels])
    encoder = keras.Model([tokens, labels], keras.layers.Dense(4)(both))
    how = {"length": LENGTH, "end_token": END, "seed": 0}
    model = kg.TextVAE(encoder, DECODERS["lstm"](condition_size=4), **how)
    assert model.condition == kg.specs.Classes(2)
    assert model.encode(ROWS, condition=LABELS).shape == (4, 2)
    with pytest.raises(ValueError, match="> 2, the size of z plus the number of cla"):
        kg.TextVAE(encoder, DECODERS["lstm"](condition_size=2), **how)
