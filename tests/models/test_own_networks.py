"""Language models on networks that a user brings: any Keras model to logits."""

import contextlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import keras_gen as kg
from keras_gen import export, networks

from ..marks import but_slow

SIZE = 4
LENGTH = 6
SLOW = "ignore:.* generates slowly"
pytestmark = pytest.mark.filterwarnings(SLOW)


@keras.saving.register_keras_serializable("tests")
class Window(keras.Layer):
    """Logits from the last two tokens."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, shape):
        draws = keras.initializers.RandomNormal(stddev=1.0, seed=3)
        self.here = self.add_weight((self.size, self.size), draws)
        self.last = self.add_weight((self.size, self.size), draws)

    def call(self, tokens):
        before = tf.pad(tokens[:, :-1], [[0, 0], [1, 0]])
        return tf.gather(self.here, tokens) + tf.gather(self.last, before)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def attention(*, mask=True):
    """Learned positions, a fixed length, keras' own attention."""
    tokens = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(SIZE, 8)(tokens)
    x = x + layers.Embedding(LENGTH, 8)(keras.ops.arange(LENGTH))
    x = x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=mask)
    return keras.Model(tokens, layers.Dense(SIZE)(layers.LayerNormalization()(x)))


def convolution(padding="causal", activation=None, head="glorot_uniform"):
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(SIZE, 8)(tokens)
    x = layers.Conv1D(8, 3, padding=padding, activation="relu")(x)
    top = layers.Dense(SIZE, activation=activation, kernel_initializer=head)
    return keras.Model(tokens, top(x))


def recurrent(direction=lambda layer: layer):
    parts = [layers.Embedding(SIZE, 6), direction(layers.GRU(8, return_sequences=True))]
    return keras.Sequential([*parts, layers.Dense(SIZE)])


def conditional():
    tokens, labels = keras.Input((None,), dtype="int32"), keras.Input((3,))
    x = layers.Embedding(SIZE, 8)(tokens)
    x = x + layers.Dense(8)(labels)[:, None]
    x = layers.GRU(8, return_sequences=True)(x)
    return keras.Model([tokens, labels], layers.Dense(SIZE)(x))


NETWORKS = {
    "attention": attention,
    "convolution": convolution,
    "recurrent": recurrent,
    "layer": lambda: Window(SIZE),
}


def spread(network):
    """Weights large enough for probabilities that differ."""
    rng = np.random.default_rng(0)
    for weights in network.trainable_variables:
        weights.assign(rng.normal(size=weights.shape))
    return network


@pytest.fixture(
    scope="module", params=but_slow([*NETWORKS], ["convolution", "recurrent"])
)
def model(request):
    keras.utils.set_random_seed(0)
    model = kg.Autoregressive(NETWORKS[request.param](), length=LENGTH, seed=1)
    spread(model)
    return model


def tokens_of(rows, length=LENGTH, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, SIZE, (rows, length)).astype("int32")


def logs(network, tokens, start=0):
    """Log-softmax of the user's own network, called by hand."""
    before = np.full((len(tokens), LENGTH), start, "int32")
    before[:, 1 : tokens.shape[1]] = tokens[:, :-1]
    return tf.nn.log_softmax(network(before)).numpy()[:, : tokens.shape[1]]


def test_the_likelihood_is_the_sum_of_the_networks_log_softmax(model):
    tokens = tokens_of(5)
    by_hand = np.take_along_axis(
        logs(model.network.network, tokens), tokens[..., None], axis=2
    )[..., 0]
    np.testing.assert_allclose(model.token_log_probs(tokens), by_hand, atol=1e-5)
    np.testing.assert_allclose(model.log_prob(tokens), by_hand.sum(axis=1), atol=1e-5)
    assert by_hand.std() > 0.3


def test_shorter_texts_and_padding(model):
    tokens = tokens_of(5, 3)
    padded = np.pad(tokens, [(0, 0), (0, 2)], constant_values=-1)
    np.testing.assert_allclose(
        model.log_prob(padded), model.log_prob(tokens), atol=1e-5
    )
    all_texts = np.array(list(itertools.product(range(SIZE), repeat=3)), "int32")
    assert np.exp(model.log_prob(all_texts)).sum() == pytest.approx(1, abs=1e-5)


def greedy(network, prompt, count, start=0):
    """The likeliest tokens, the network called on the last LENGTH tokens each time."""
    read = [start, *prompt]
    for _ in range(count):
        window = read[-LENGTH:]
        place = len(window) - 1
        window = np.array([window + [start] * (LENGTH - len(window))], "int32")
        read.append(int(network(window).numpy()[0, place].argmax()))
    return read[1:]


def test_greedy_completion_is_a_loop_over_the_network(model):
    """Beyond its context too, where it reads the last tokens anew."""
    prompts = [[], [1, 2], [3, 3, 0]]
    made = model.complete(prompts, LENGTH + 3, temperature=0)
    for row, prompt in zip(made, prompts, strict=True):
        expected = greedy(model.network.network, prompt, LENGTH + 3)
        np.testing.assert_array_equal(row[row >= 0], expected)
    [first, *_], scores = model.beam_search([1, 2], 2, num_beams=SIZE**2)
    both = [[1, 2, a, b] for a in range(SIZE) for b in range(SIZE)]
    best = np.argmax(model.log_prob(both))
    np.testing.assert_array_equal(first, both[best])
    given = model.log_prob([[1, 2]])[0]
    assert scores[0] == pytest.approx(model.log_prob(both)[best] - given, abs=1e-4)


def test_streams_and_next_logits_agree_with_completion(model):
    whole = model.complete([[1, 0]], 7, seed=4, top_k=3)[0, 2:]
    np.testing.assert_array_equal(list(model.stream([1, 0], 7, seed=4, top_k=3)), whole)
    prompt = [[2, 1, 3]]
    by_hand = logs(model.network.network, np.array([[2, 1, 3, 0]]))[0, 3]
    given = tf.nn.log_softmax(model.next_logits(prompt)).numpy()[0]
    np.testing.assert_allclose(given, by_hand, atol=1e-5)


def test_samples_have_the_probabilities_of_the_network():
    model = kg.Autoregressive(spread(convolution()), length=2)
    samples = model.sample(2000, 2, seed=0)
    counts = np.bincount(samples @ [SIZE, 1], minlength=SIZE**2)
    pairs = np.array(list(itertools.product(range(SIZE), repeat=2)), "int32")
    probabilities = np.exp(model.log_prob(pairs))
    error = np.sqrt(probabilities * (1 - probabilities) / 2000)
    assert (np.abs(counts / 2000 - probabilities) < 4 * error + 1e-3).all()


def test_the_start_decides_the_first_token():
    """0, another token, or an id of its own for which the embedding has a row."""
    layer = Window(SIZE + 1)
    layer.build(None)
    spread(layer)
    tokens = keras.Input((None,), dtype="int32")
    own = keras.Model(tokens, layer(tokens)[..., :SIZE])
    x = tokens_of(3)
    found = []
    for start in (0, 2, SIZE):
        network = networks.LogitsNetwork(own, context=LENGTH, start_token=start)
        assert network.vocabulary_size == SIZE
        by_hand = np.take_along_axis(logs(own, x, start), x[..., None], axis=2)
        log_prob = kg.Autoregressive(network).log_prob(x)
        np.testing.assert_allclose(log_prob, by_hand.sum(axis=(1, 2)), atol=1e-5)
        found.append(log_prob)
    assert np.abs(np.diff(found, axis=0)).min() > 1e-3
    with pytest.raises(
        ValueError, match="(?s)failed on 64 tokens 9.*start_token that it knows"
    ):
        networks.LogitsNetwork(own, start_token=9)
    with pytest.raises(ValueError, match="start_token must be > 0, received -1"):
        networks.LogitsNetwork(own, start_token=-1)


def test_generating_says_that_it_is_slow():
    model = kg.Autoregressive(convolution(), length=LENGTH, name="mine")
    message = "mine generates slowly: its network has no cache, so each token is a call"
    for call in (
        lambda: model.complete([[1]], 1),
        lambda: list(model.stream([1], 1)),
        lambda: model.beam_search([1], 1),
    ):
        with pytest.warns(UserWarning, match=message) as found:
            call()
        assert found[0].filename == __file__
    cached = kg.Autoregressive(networks.recurrent(SIZE, width=4, units=(4,)))
    assert (cached.network.has_cache, model.network.has_cache) == (True, False)


def test_a_condition_is_the_second_input():
    model = kg.Autoregressive(spread(conditional()), length=LENGTH)
    assert model.condition == kg.specs.Classes(3)
    x, labels = tokens_of(3), np.array([0, 1, 2])
    before = np.pad(x[:, :-1], [(0, 0), (1, 0)])
    own = model.network.network([before, np.eye(3, dtype="float32")])
    by_hand = np.take_along_axis(
        tf.nn.log_softmax(own).numpy(), x[..., None], axis=2
    ).sum(axis=(1, 2))
    np.testing.assert_allclose(model.log_prob(x, condition=labels), by_hand, atol=1e-5)
    made = model.complete([[1]] * 3, 5, condition=labels, temperature=0)
    assert len({tuple(row) for row in made}) > 1


def masked(start):
    """Keras' attention over hidden positions alone is uniform, the later included."""
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(SIZE, 8, mask_zero=True)(tokens)
    x = x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    model = keras.Model(tokens, layers.Dense(SIZE)(x))
    return networks.LogitsNetwork(model, context=LENGTH, start_token=start)


def test_hidden_tokens_need_another_start():
    assert masked(start=1).vocabulary_size == SIZE


FUTURE = {
    "attention": lambda: attention(mask=False),
    "convolution": lambda: convolution(padding="same"),
    "two directions": lambda: recurrent(layers.Bidirectional),
    "a head of zeros": lambda: convolution(padding="same", head="zeros"),
    "a mask that hides the start": lambda: masked(start=0),
    "a reversed layer": lambda: keras.Sequential(
        [
            layers.Embedding(SIZE, 6),
            layers.LSTM(8, return_sequences=True, go_backwards=True),
            layers.Dense(SIZE),
        ]
    ),
}


@pytest.mark.parametrize("make", FUTURE.values(), ids=FUTURE)
def test_networks_that_see_later_tokens_are_rejected(make):
    with pytest.raises(ValueError, match="must not see future tokens"):
        kg.Autoregressive(make(), length=LENGTH)


def pooled():
    tokens = keras.Input((None,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(SIZE, 8)(tokens))
    return keras.Model(tokens, layers.Dense(SIZE)(x))


REFUSED = {  # network, further arguments, error, its words
    "probabilities": (
        lambda: convolution(activation="softmax"),
        {},
        ValueError,
        r"raw values \(logits\).* in \[0, 1\]",
    ),
    "no positions": (
        pooled,
        {},
        ValueError,
        r"\(batch, positions, vocabulary_size\), received (\(1, 6, ?4\)|\(1, 4\))",
    ),
    "not a network": (lambda: np.eye(3), {}, TypeError, "received ndarray"),
    "images": (
        lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3)]),
        {},
        ValueError,
        r"must take tokens \(batch, positions\)",
    ),
    "another tokenizer": (
        convolution,
        {"tokenizer": kg.tokenizers.CharacterTokenizer("abc")},
        ValueError,
        "same number of tokens, received 3 and 4",
    ),
}


@pytest.mark.parametrize(
    ("make", "how", "error", "words"), REFUSED.values(), ids=REFUSED
)
def test_what_a_network_cannot_be(make, how, error, words):
    with pytest.raises(error, match=words):
        kg.Autoregressive(make(), length=LENGTH, **how)


def test_contexts():
    fixed = networks.LogitsNetwork(attention())
    assert fixed.context == LENGTH
    assert networks.LogitsNetwork(convolution()).context == 64
    with pytest.raises(ValueError, match="context must be the fixed length .*, 6"):
        networks.LogitsNetwork(attention(), context=5)
    model = kg.Autoregressive(attention(), length=20)  # longer than the network
    assert (model.length, model.network.context) == (20, LENGTH)
    model.compile()
    with pytest.raises(ValueError, match="at most 6 tokens per row.* received 7"):
        model.fit(tokens_of(4, 7), verbose=0)


def test_training_goes_on_after_loading(tmp_path, state):
    x = tokens_of(32) % 2  # the second half of the tokens never comes
    network = keras.Sequential([*recurrent().layers[:2], layers.Dropout(0.2)])
    network.add(layers.Dense(SIZE))
    model = kg.Autoregressive(network, length=LENGTH, seed=0)
    model.compile(keras.optimizers.Adam(0.02))
    losses = model.fit(x, batch_size=8, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < np.log(2) + 0.1 < losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))
    assert again.network.start_token == 0
    for one in (model, again):
        one.fit(x, batch_size=8, epochs=2, verbose=0)
    for a, b in zip(state(model), state(again), strict=True):
        np.testing.assert_array_equal(a, b)


class Recipe(keras.Model):
    """A model by subclassing, not registered, with no `training` in its call."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.embedding = layers.Embedding(SIZE, units)
        self.recurrent = layers.GRU(units, return_sequences=True)
        self.head = layers.Dense(SIZE)

    def build(self, shape):
        self.embedding.build(shape)
        self.recurrent.build((*shape, self.units))
        self.head.build((*shape, self.units))

    def call(self, tokens):
        return self.head(self.recurrent(self.embedding(tokens)))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@pytest.mark.slow
def test_batches_of_a_stream_may_differ_in_length():
    model = kg.Autoregressive(attention(), seed=0)
    model.compile()
    batches = [tokens_of(4, n) for n in (3, 6, 2)]
    spec = tf.TensorSpec((None, None), "int32")
    stream = tf.data.Dataset.from_generator(lambda: batches, output_signature=spec)
    expected = -sum(model.log_prob(x).sum() for x in batches) / (4 * 11)
    assert model.evaluate(stream, verbose=0) == pytest.approx(expected, rel=1e-5)
    loss = model.fit(stream, verbose=0).history["loss"][0]
    assert loss == pytest.approx(expected, rel=0.05)


def test_a_model_by_subclassing_is_loaded_by_its_name(tmp_path):
    model = kg.Autoregressive(Recipe(5), length=LENGTH, seed=0)
    model.compile()
    x = tokens_of(16)
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    known = {"Recipe": Recipe}
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects=known)
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))
    assert again.complete([[1]], 5, seed=0).tolist() == (
        model.complete([[1]], 5, seed=0).tolist()
    )


@pytest.mark.slow
def test_training_under_a_strategy_is_the_same():
    losses = []
    for strategy in (None, tf.distribute.OneDeviceStrategy("/cpu:0")):
        with strategy.scope() if strategy else contextlib.nullcontext():
            keras.utils.set_random_seed(1)
            model = kg.Autoregressive(convolution(), length=LENGTH, seed=0)
            model.compile("adam")
        history = model.fit(tokens_of(16), batch_size=8, verbose=0).history
        losses.append(history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_layer_of_a_user_is_loaded(tmp_path):
    network = networks.LogitsNetwork(Window(SIZE), context=LENGTH, start_token=3)
    model = kg.Autoregressive(network)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = tokens_of(4)
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))
    assert (again.network.context, again.network.start_token) == (LENGTH, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention", "recurrent"])
def test_artifacts_answer_as_the_model_does(name, tmp_path, quick):
    model = kg.Autoregressive(spread(NETWORKS[name]()), length=LENGTH)
    inputs = {
        "prompt": np.array([[1, 2, -1, -1, -1, -1]], "int32"),
        "seed": np.array([5], "int32"),
        "temperature": np.array([0.8], "float32"),
        "top_k": np.array([0], "int32"),
        "top_p": np.array([1.0], "float32"),
        "max_new_tokens": np.array([LENGTH], "int32"),
        "stop_tokens": np.array([-1], "int32"),
    }
    expected = model.complete_rows(**inputs)
    folder = export.saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(folder).signatures["complete"]
    given = {k: tf.constant(v) for k, v in inputs.items()}
    np.testing.assert_array_equal(served(**given)["tokens"], expected)
    file = export.tflite(model, tmp_path / "model.tflite")
    runner = Interpreter(str(file)).get_signature_runner("complete")
    np.testing.assert_array_equal(runner(**inputs)["tokens"], expected)
