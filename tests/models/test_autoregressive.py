"""Models of tokens: likelihoods, completions, searches, refusals."""

import itertools
import random

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks, writing
from keras_gen.samplers import beams, completion
from keras_gen.tokens import from_rows
from keras_gen.writing import Writer

from ..marks import but_slow

SIZE = 3
NETWORKS = {
    "rotary": lambda: networks.causal_transformer(
        SIZE, width=8, depth=2, heads=2, context=4
    ),
    "grouped": lambda: networks.causal_transformer(
        SIZE, width=8, depth=1, heads=4, kv_heads=2, context=4
    ),
    "learned": lambda: networks.causal_transformer(
        SIZE, width=8, depth=1, heads=2, context=4, positions="learned"
    ),
    "lstm": lambda: networks.recurrent(SIZE, width=6, units=(5, 5)),
    "gru": lambda: networks.recurrent(SIZE, width=6, units=(6,), cell="gru"),
}


def spread(network):
    """Weights large enough for probabilities that differ."""
    rng = np.random.default_rng(0)
    for weights in network.trainable_variables:
        if weights.ndim > 1:
            weights.assign(rng.normal(size=weights.shape))
    return network


SLOW_BACKWARDS = ("grouped", "learned", "gru", "lstm")
SLOW = ("grouped", "learned", "gru")  # little that the others have not


@pytest.fixture(scope="module", params=but_slow([*NETWORKS], SLOW))
def network(request):
    random.seed(0)
    return spread(NETWORKS[request.param]())


@pytest.fixture(scope="module")
def model(network):
    return kg.Autoregressive(network, seed=3)


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Compiling takes longer here than it saves."""
    monkeypatch.setattr(Writer, "compiles_loops", False)


two_kinds = pytest.mark.parametrize("network", ["rotary", "lstm"], indirect=True)


def prefixes(tokens, length):
    """The first tokens of each row, the others padding."""
    tokens = tokens.copy()
    tokens[:, length:] = -1
    return tokens


def strings(length):
    return np.array(list(itertools.product(range(SIZE), repeat=length)), "int32")


def test_the_probabilities_of_all_strings_sum_to_1(model):
    log_probs = model.log_prob(strings(3))
    assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-5)
    assert np.exp(log_probs).std() > 1e-3


def test_probabilities_are_conditional_on_what_comes_before(model):
    """p(a, b, c) = p(a) p(b | a) p(c | a, b), the factors from `next_logits`."""
    tokens = strings(3)
    total = np.zeros(len(tokens))
    for i in range(3):
        logs = tf.nn.log_softmax(model.next_logits(prefixes(tokens, i))).numpy()
        total += logs[np.arange(len(tokens)), tokens[:, i]]
    np.testing.assert_allclose(model.log_prob(tokens), total, atol=1e-5)
    by_token = model.token_log_probs(tokens)
    np.testing.assert_allclose(by_token.sum(axis=1), total, atol=1e-5)


def test_logits_depend_on_the_tokens_before_alone(network):
    before = np.random.default_rng(1).integers(0, SIZE, (1, 4)).astype("int32")
    logits = network(before).numpy()
    for i in range(4):
        for token in range(SIZE):
            changed = before.copy()
            changed[0, i] = token
            other = network(changed).numpy()
            np.testing.assert_array_equal(other[:, :i], logits[:, :i])
            if token != before[0, i]:
                assert (other[:, i:] != logits[:, i:]).any(axis=(0, 2)).all()


@pytest.mark.parametrize(
    "network", but_slow([*NETWORKS], SLOW_BACKWARDS), indirect=True
)
def test_the_jacobian_is_triangular(network):
    """The gradient of the logits by the embedded tokens."""
    before = tf.constant([[SIZE, 0, 1, 2]])
    table = network.embedding.embeddings

    def logits(embedded):
        network.embedding.call, kept = lambda _: embedded, network.embedding.call
        try:
            return network(before)
        finally:
            network.embedding.call = kept

    embedded = tf.gather(table, before)
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        out = logits(embedded)
    jacobian = np.abs(tape.jacobian(out, embedded).numpy()).sum(axis=(0, 2, 3, 5))
    assert jacobian.shape == (4, 4)
    np.testing.assert_array_equal(np.triu(jacobian, 1), 0)
    assert (jacobian[np.tril_indices(4)] > 0).all()


def last_logits(network, tokens):
    """Logits behind each prefix, without a cache."""
    before = np.concatenate([np.full((len(tokens), 1), SIZE), tokens], axis=1)
    if network.learned_positions:  # the last ones are read anew
        ends = range(1, before.shape[1] + 1)
        windows = (before[:, max(0, i - network.context) : i] for i in ends)
        return np.stack([network(w.astype("int32")).numpy()[:, -1] for w in windows], 1)
    return network(before.astype("int32")).numpy()


def test_step_by_step_the_logits_are_the_same(network):
    """Beyond the context too."""
    tokens = np.random.default_rng(2).integers(0, SIZE, (3, 9)).astype("int32")
    expected = last_logits(network, tokens)
    state, before = network.start(3), np.full(3, SIZE, "int32")
    for i in range(9):
        logits, state = network.step(tf.constant(before), state, tf.constant(i))
        np.testing.assert_allclose(logits, expected[:, i], atol=1e-5)
        before = tokens[:, i]


def test_the_context_slides():
    network = spread(networks.causal_transformer(SIZE, width=8, depth=1, context=3))
    tokens = np.array([[0, 1, 2, 0, 1], [2, 2, 2, 0, 1]], "int32")  # third to last
    logits = network(tokens).numpy()
    np.testing.assert_allclose(logits[0, 4], logits[1, 4], atol=1e-5)
    assert np.abs(logits[0, 3] - logits[1, 3]).max() > 1e-3


def test_greedy_completion_takes_the_likeliest_token(model):
    prompt = np.array([[1, 2]], "int32")
    tokens = model.complete(prompt, 6, temperature=0)
    assert tokens.shape == (1, 8)
    for i in range(2, 8):
        logits = model.next_logits(prefixes(tokens, i))
        assert tokens[0, i] == logits.argmax()


def test_prompts_of_different_lengths_do_not_disturb_each_other(model):
    prompts = [[0], [1, 2, 0, 1, 2], [], [2, 2]]
    seeds = kg.random.row_seeds(5, 4)
    together = model.complete(prompts, 6, seed=5)
    for i, prompt in enumerate(prompts):
        alone = model.complete([prompt], 6, seed=int(seeds[i]))
        row = together[i][together[i] >= 0]
        np.testing.assert_array_equal(row[: len(prompt)], prompt)
        np.testing.assert_array_equal(row, alone[0])


@two_kinds
def test_streaming_gives_the_tokens_of_complete(model):
    prompt = [1, 0]
    for how in ({}, {"temperature": 0.5, "top_k": 2}, {"repetition_penalty": 1.5}):
        whole = model.complete([prompt], 7, seed=4, **how)[0, 2:]
        np.testing.assert_array_equal(
            list(model.stream(prompt, 7, seed=4, **how)), whole
        )


@two_kinds
def test_a_stop_token_is_the_last(model):
    whole = model.complete([[], [1]], 12, seed=1)
    stop = whole[1, 5]
    stopped = model.complete([[], [1]], 12, seed=1, stop_tokens=[stop])
    for row, plain, start in zip(stopped, whole, (0, 1), strict=True):
        row, follow = row[row >= 0][start:], plain[plain >= 0][start:]
        end = np.append(np.flatnonzero(follow == stop), len(follow) - 1)[0] + 1
        np.testing.assert_array_equal(row, follow[:end])
    seed = kg.random.row_seeds(1, 2)[1]
    streamed = list(model.stream([1], 12, seed=seed, stop_tokens=[stop]))
    np.testing.assert_array_equal(streamed, row)
    assert 0 < len(row) <= 5


def test_lengths_and_stops_share_one_loop(monkeypatch):
    traced = []

    def count(name, function):
        def call(*args, **kwargs):
            traced.append(name)
            return function(*args, **kwargs)

        return call

    for room, name in ((completion, "complete"), (beams, "beam_search")):
        monkeypatch.setattr(room, name, count(name, getattr(room, name)))
    model = kg.Autoregressive(networks.recurrent(3, width=4, units=(4,)), length=9)
    longest = model.complete([[1, 2]], 9, seed=3)
    for length in (1, 4, 8, 9):
        found = model.complete([[1, 2]], length, seed=3)
        np.testing.assert_array_equal(found, longest[:, : 2 + length])
    model.complete([[1, 2]], 4, seed=3, stop_tokens=[1])
    assert traced == ["complete"]
    best = [model.beam_search([1], length)[0] for length in (2, 5, 9)]
    assert [tokens.shape[1] for tokens in best] == [3, 6, 10]
    model.beam_search([1], 5, stop_tokens=[0])
    assert traced == ["complete", "beam_search"]
    model.complete([[1, 2]], 10, seed=3)
    model.complete([[1, 2]], 15, seed=3)
    assert traced == ["complete", "beam_search", "complete"]


def test_a_loop_ends_with_its_longest_row(monkeypatch):
    monkeypatch.setattr(Writer, "compiles_loops", False)
    model = kg.Autoregressive(networks.recurrent(3, width=4, units=(4,)), length=50)
    steps, step = tf.Variable(0), model.network.step

    def counted(*args):
        steps.assign_add(1)
        return step(*args)

    monkeypatch.setattr(model.network, "step", counted)
    how = {"temperature": np.ones(2), "top_k": np.zeros(2, int), "top_p": np.ones(2)}
    rows = {"prompt": np.array([[1, 2], [0, -1]]), "seed": np.array([1, 2]), **how}
    found = model.complete_rows(**rows, max_new_tokens=np.array([3, 7]))
    assert (found >= 0).sum(axis=1).tolist() == [3, 7]
    assert steps.numpy() == (2 + 3) + (1 + 7)  # a row at a time
    whole = model.complete_rows(**rows)
    assert steps.numpy() == 13 + (2 + 50) + (1 + 50)
    np.testing.assert_array_equal(found[0, :3], whole[0, :3])
    np.testing.assert_array_equal(found[1, :7], whole[1, :7])
    stop = whole[:, 2]
    found = model.complete_rows(**rows, stop_tokens=stop)
    first = np.argmax(whole == stop[:, None], axis=1)
    np.testing.assert_array_equal((found >= 0).sum(axis=1), first + 1)
    with pytest.raises(
        ValueError, match=r"max_new_tokens must be in \[1, 50\], .* row 1"
    ):
        model.complete_rows(**rows, max_new_tokens=np.array([3, 51]))
    with pytest.raises(ValueError, match=r"stop_tokens must be in \[-1, 3\), .* row 0"):
        model.complete_rows(**rows, stop_tokens=np.array([-2, 1]))
    for name, value in (("temperature", -1), ("top_p", np.nan), ("top_k", -5)):
        with pytest.raises(ValueError, match=f"{name} must .* received values in"):
            model.complete_rows(**rows | {name: np.array([1, value])})


@pytest.mark.slow
@two_kinds
def test_xla_draws_the_same_tokens(model, monkeypatch):
    plain = model.complete([[1, 2], []], 6, seed=2, top_p=0.9)
    monkeypatch.setattr(Writer, "compiles_loops", True)
    compiled = kg.Autoregressive(model.network)
    again = compiled.complete([[1, 2], []], 6, seed=2, top_p=0.9)
    np.testing.assert_array_equal(again, plain)
    found, scores = compiled.beam_search([], 3)
    expected, expected_scores = model.beam_search([], 3)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


def test_samples_have_the_probabilities_of_the_model(model):
    probabilities = np.exp(model.log_prob(strings(2)))
    samples = model.sample(2000, 2, seed=0)
    counts = np.bincount(samples @ [SIZE, 1], minlength=SIZE**2)
    error = np.sqrt(probabilities * (1 - probabilities) / 2000)
    assert (np.abs(counts / 2000 - probabilities) < 4 * error + 1e-3).all()


def test_a_wide_beam_finds_what_an_exhaustive_search_finds(model):
    prompt, length = [1], 3
    all_strings = strings(length)
    given = np.tile(prompt, (len(all_strings), 1)).astype("int32")
    scores = model.log_prob(np.concatenate([given, all_strings], axis=1))
    scores -= model.log_prob(np.array([prompt], "int32"))
    tokens, found = model.beam_search(prompt, length, num_beams=SIZE**length)
    order = np.argsort(-scores)
    np.testing.assert_allclose(found, scores[order], atol=1e-4)
    np.testing.assert_array_equal(tokens[0, 1:], all_strings[order[0]])
    narrow, score = model.beam_search(prompt, length, num_beams=2)
    again = model.log_prob(narrow) - model.log_prob(np.array([prompt], "int32"))
    np.testing.assert_allclose(score, again, atol=1e-4)
    assert score[0] <= scores.max() + 1e-5


def test_characters_stop_and_end_texts_if_they_are_one_token():
    network = networks.recurrent(4, width=4, units=(4,))
    model = kg.Autoregressive(
        network, kg.tokenizers.CharacterTokenizer("abc\n"), end_token="\n"
    )
    assert model.end_token == 3
    assert kg.Autoregressive.from_config(model.get_config()).end_token == 3
    for stop in ("ab", [0, 1]):
        text = model.complete("c", 50, seed=0, stop_tokens=stop)
        assert text[-1] in "ab"
        assert not set(text[:-1]) & set("ab")
    for call, message in {
        lambda: model.complete("a?", 3): r"prompt\[0\], position 1, holds .* '\?'",
        lambda: model.complete(
            "a", 3, stop_tokens="b?"
        ): r"stop_tokens\[1\], position 0, holds",
        lambda: kg.Autoregressive(
            network, model.tokenizer, end_token="d"
        ): "received 'd'",
        lambda: kg.Autoregressive(
            network, model.tokenizer, end_token="ab"
        ): "one token, received 'ab'",
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
    network = networks.recurrent(256, width=4, units=(4,))
    model = kg.Autoregressive(network, kg.tokenizers.ByteTokenizer())
    with pytest.raises(ValueError, match="'nü' with a character of 2 tokens"):
        model.complete("", 3, stop_tokens="nü")


def test_beams_are_compiled_for_few_lengths_of_prompts():
    model = kg.Autoregressive(networks.recurrent(SIZE, width=4, units=(4,)))
    for n in (0, 3, 8, 9):
        model.beam_search([0] * n, 2)
    [search] = model._rows._functions._entries.values()
    assert search.experimental_get_tracing_count() == 2


def test_a_beam_ends_at_a_stop_token():
    model = kg.Autoregressive(spread(NETWORKS["rotary"]()))
    tokens, scores = model.beam_search([0], 4, num_beams=40, stop_tokens=[1])
    ended = [row[row >= 0] for row in tokens]
    assert any(len(row) < 5 for row in ended)
    for row, score in zip(ended, scores, strict=True):
        assert 1 not in row[1:-1]
        again = model.log_prob(row[None]) - model.log_prob(np.array([[0]], "int32"))
        np.testing.assert_allclose(score, again[0], atol=1e-4)
    by_length = model.beam_search(
        [0], 4, num_beams=40, stop_tokens=[1], length_penalty=1.0
    )
    counts = (by_length[0] >= 0).sum(axis=1) - 1
    assert (np.diff(by_length[1] / counts) <= 1e-6).all()


def test_padding_adds_nothing(model):
    tokens = strings(3)[:5]
    longer = np.pad(tokens, [(0, 0), (0, 1)], constant_values=-1)
    np.testing.assert_allclose(
        model.log_prob(longer), model.log_prob(tokens), atol=1e-5
    )
    np.testing.assert_allclose(
        model.next_logits(longer), model.next_logits(tokens), atol=1e-5
    )
    assert (model.token_log_probs(longer)[:, 3] == 0).all()


def test_rows_at_once_follow_vocabulary_and_length(monkeypatch):
    """Logits of 512 rows of 64 tokens of 50,000 would be 6.5 GB."""
    sizes = {"width": 2, "depth": 1, "heads": 1}
    model = kg.Autoregressive(networks.causal_transformer(50_000, **sizes), length=64)
    assert model._writer.rows_of_logits(64, 512) * 64 * 50_000 <= 2 * 2**22
    assert model._writer.rows_of_logits(64, 1) == 1
    small = kg.Autoregressive(spread(NETWORKS["rotary"]()), seed=0)
    expected = small.log_prob(strings(4))
    monkeypatch.setattr(writing, "LOGITS_PER_CALL", 5 * 4 * SIZE)
    assert small._writer.rows_of_logits(4, 512) == 5
    np.testing.assert_allclose(small.log_prob(strings(4)), expected, atol=1e-5)
    by_token = small.token_log_probs(strings(4)).sum(axis=1)
    np.testing.assert_allclose(by_token, expected, atol=1e-5)


def test_texts_stand_for_their_tokens():
    tokenizer = kg.tokenizers.CharacterTokenizer("abc")
    model = kg.Autoregressive(spread(NETWORKS["rotary"]()), tokenizer)
    tokens = from_rows([[0, 1], [2], [1, 1, 0]])
    texts = ["ab", "c", "bba"]
    for given in (texts, np.array(texts), [[0, 1], [2], [1, 1, 0]]):
        np.testing.assert_allclose(model.log_prob(given), model.log_prob(tokens))
    whole = model.complete(texts, 3, seed=1)
    expected = model.complete(tokens, 3, seed=1)
    assert whole == tokenizer.decode_batch(expected)
    assert model.complete("ab", 3, seed=1) == model.complete(["ab"], 3, seed=1)[0]
    assert "".join(model.stream("ab", 3, seed=1)) == model.complete("ab", 3, seed=1)[2:]
    model.compile(jit_compile=False)
    loss = model.evaluate(texts, verbose=0)
    np.testing.assert_allclose(loss, model.evaluate(tokens, verbose=0))


def test_unknown_characters_of_a_prompt_come_back():
    tokenizer = kg.tokenizers.CharacterTokenizer("ab?", "?")
    model = kg.Autoregressive(spread(NETWORKS["rotary"]()), tokenizer)
    assert model.complete("aXb", 2, seed=0)[:3] == "aXb"
    assert model.complete("aXb", 2, seed=0)[3:] == model.complete("a?b", 2, seed=0)[3:]


def test_texts_come_back_without_their_end():
    tokenizer = kg.tokenizers.CharacterTokenizer("ab\n")
    model = kg.Autoregressive(
        spread(NETWORKS["lstm"]()), tokenizer, length=30, end_token=2
    )
    reloaded = kg.Autoregressive.from_config(model.get_config())
    assert reloaded.end_token == 2
    texts, tokens = model.sample(20, seed=0), model.complete([[]] * 20, seed=0)
    counts = (tokens >= 0).sum(axis=1)
    assert min(counts) < 30
    for text, row, count in zip(texts, tokens, counts, strict=True):
        assert (row[: count - 1] != 2).all()
        assert row[count - 1] == 2 or count == 30
        assert text == tokenizer.decode(row[:count]).removesuffix("\n")
    for text in ("", "a", "a\n\nb\n"):  # an end inside a prompt stays
        whole = model.complete(text, seed=3)
        assert whole.startswith(text)
        assert not whole[len(text) :].endswith("\n")
        assert text + "".join(model.stream(text, seed=3)) == whole
        found, scores = model.beam_search(text, 2, num_beams=2)
        assert all(one.startswith(text) for one in found)
        assert (np.diff(scores) <= 0).all()
    with pytest.raises(ValueError, match=r"end_token must be in \[0, 3\), received 3"):
        kg.Autoregressive(NETWORKS["lstm"](), tokenizer, end_token=3)


def test_the_loss_is_the_mean_over_tokens():
    model = kg.Autoregressive(spread(NETWORKS["rotary"]()))
    model.compile(jit_compile=False)
    rows = from_rows([[0, 1, 2, 1], [2], [1, 1]])
    expected = -model.log_prob(rows).sum() / 7
    for batch_size in (1, 2, 3):
        loss = model.evaluate(rows, batch_size=batch_size, verbose=0)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_class_conditional_model_is_told_the_class():
    network = networks.causal_transformer(
        SIZE, width=8, depth=1, heads=2, context=4, condition_size=2
    )
    model = kg.Autoregressive(spread(network))
    assert kg.specs.num_classes(model.condition) == 2
    tokens = strings(3)
    for label in (0, 1):
        labels = np.full(len(tokens), label)
        total = np.exp(model.log_prob(tokens, condition=labels)).sum()
        assert total == pytest.approx(1, abs=1e-5)
    first, second = (
        model.log_prob(tokens[:2].repeat(2, 0), condition=[0, 1, 0, 1]).reshape(2, 2).T
    )
    assert np.abs(first - second).max() > 1e-3
    whole = model.complete([[0]], 5, seed=1, condition=[1])[0, 1:]
    one, every = (model.complete([[0], [1]], seed=1, condition=y) for y in (1, [1, 1]))
    np.testing.assert_array_equal(one, every)
    np.testing.assert_array_equal(
        list(model.stream([0], 5, seed=1, condition=1)), whole
    )
    every_beam = {"num_beams": SIZE**3, "condition": 1}
    found, scores = model.beam_search([], 3, **every_beam)
    expected = model.log_prob(found, condition=np.ones(len(found), int))
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    for call in (
        lambda **how: model.complete([[0]], 5),
        lambda **how: model.stream([0], 5, **how),
        lambda **how: model.beam_search([0], 5, **how),
    ):
        with pytest.raises(ValueError, match="labels are missing"):
            call()
    for label in (3, -1, np.nan, 1.7, True, "a"):
        for call in (model.stream, model.beam_search):
            with pytest.raises(ValueError, match="labels must"):
                call([0], 5, condition=label)


REFUSALS = {
    "token beyond the vocabulary": (lambda m: m.log_prob([[0, 3]]), r"\[0, 3\)"),
    "negative token": (lambda m: m.complete([[-2]]), "received -2 in row 0"),
    "padding inside": (lambda m: m.log_prob([[0, -1, 1]]), "padded at the end only"),
    "numbers": (lambda m: m.log_prob(np.zeros((1, 3))), "must hold integers"),
    "numbers in rows": (lambda m: m.complete([[1.5], [1, 2]]), "received float64"),
    "booleans": (lambda m: m.log_prob([[True]]), "must hold integers, received bool"),
    "nothing": (lambda m: m.complete(None), "prompt must be texts or rows of tokens"),
    "bytes": (lambda m: m.log_prob(b"It"), "rows of tokens, received b'It'"),
    "one row": (
        lambda m: m.log_prob(np.zeros(3, "int32")),
        r"rows of tokens, received shape \(3,\)",
    ),
    "text without a tokenizer": (
        lambda m: m.complete("abc"),
        "must hold tokens if",
    ),
    "texts without one": (
        lambda m: m.log_prob(["abc"]),
        "must hold tokens if",
    ),
    "one text": (lambda m: m.log_prob("abc"), "must be a list of texts"),
    "temperature": (lambda m: m.complete([[0]], temperature=-1), "temperature must"),
    "no temperature": (lambda m: m.complete([[0]], temperature=None), "temperature"),
    "top_k": (lambda m: m.complete([[0]], top_k=0), "top_k must be > 0"),
    "top_p": (lambda m: m.complete([[0]], top_p=1.2), r"top_p must be in \(0, 1\]"),
    "top_p 0": (lambda m: m.complete([[0]], top_p=0.0), r"top_p must be in \(0, 1\]"),
    "penalty": (
        lambda m: m.complete([[0]], repetition_penalty=0),
        "repetition_penalty must be > 0",
    ),
    "length": (lambda m: m.complete([[0]], 0), "max_new_tokens must be > 0"),
    "stop": (
        lambda m: m.complete([[0]], 3, stop_tokens=[7]),
        "stop_tokens must hold tokens",
    ),
    "no stop": (
        lambda m: m.complete([[0]], 3, stop_tokens=""),
        "stop_tokens must be tokens or characters",
    ),
    "streamed": (lambda m: m.stream([0], temperature=-1), "temperature must"),
    "beams": (lambda m: m.beam_search([0], num_beams=0), "num_beams must be > 0"),
    "far beyond": (
        lambda m: m.log_prob([[2**32 + 1]]),
        r"\[0, 3\).* received 4294967297 in row 0",
    ),
    "endless": (lambda m: m.complete([[0]], 2**31), "max_new_tokens must be at most"),
    "stream of nothing": (lambda m: m.stream(None), "prompt must be one text or"),
    "stream of a number": (lambda m: m.stream(5), "a row of tokens, received 5"),
    "stream of bytes": (lambda m: m.stream(b"a"), "a row of tokens, received b'a'"),
    "beams of nothing": (lambda m: m.beam_search(None), "received None"),
    "beam of texts": (lambda m: m.beam_search(["a"]), r"received \['a'\]"),
    "penalty of length": (
        lambda m: m.beam_search([0], length_penalty="a"),
        "length_penalty must be a finite number, received 'a'",
    ),
    "beams of a class": (lambda m: m.beam_search([0], condition=1), "unconditional"),
    "strings of bytes": (
        lambda m: m.log_prob([b"ab"]),
        "texts or tokens, received bytes",
    ),
    "no tokens": (lambda m: m.evaluate([[], []]), "x holds no tokens"),
    "validation of nothing": (
        lambda m: m.fit([[0, 1]], validation_data=[]),
        "validation_data must be .* received a list of 0",
    ),
    "one text for training": (
        lambda m: m.fit("ab"),
        "received one text 'ab'",
    ),
    "validation texts": (
        lambda m: m.fit([[0, 1]], validation_data=["ab"]),
        "validation_data must hold tokens if the model has no tokenizer",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSALS.values(), ids=REFUSALS)
def test_bad_input_is_refused(call, message):
    model = kg.Autoregressive(NETWORKS["rotary"]())
    model.compile(jit_compile=False)
    with pytest.raises(ValueError, match=message):
        call(model)


BUILDS = {
    "heads": (lambda: networks.causal_transformer(3, heads=3), "heads must divide"),
    "odd heads": (
        lambda: networks.causal_transformer(3, width=12, heads=4),
        "even size",
    ),
    "kv_heads": (lambda: networks.causal_transformer(3, kv_heads=3), "kv_heads must"),
    "positions": (lambda: networks.causal_transformer(3, positions="x"), "positions"),
    "cell": (lambda: networks.recurrent(3, cell="rnn"), "cell must be one of"),
    "units": (lambda: networks.recurrent(3, units=()), "units must be"),
    "depth": (lambda: networks.causal_transformer(3, depth=0), "depth must be"),
    "condition_size": (
        lambda: networks.causal_transformer(3, condition_size=-1),
        "condition_size must be > 0, received -1",
    ),
    "no condition_size": (
        lambda: networks.recurrent(3, condition_size=None),
        "condition_size must be an integer",
    ),
}


@pytest.mark.parametrize(("build", "message"), BUILDS.values(), ids=BUILDS)
def test_a_network_that_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_learned_positions_have_an_end():
    model = kg.Autoregressive(NETWORKS["learned"]())
    with pytest.raises(ValueError, match="at most 4 tokens per row.* received 5"):
        model.token_log_probs(np.zeros((1, 5), "int32"))
