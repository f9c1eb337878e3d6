"""Attention to the positions before, and its block, against numpy."""

import numpy as np
import pytest

from keras_gen.networks import CausalSelfAttention, TransformerBlock

RNG = np.random.default_rng(0)
CHANNELS, LENGTH = 8, 6


def layer_of(heads=4, **options):
    """A layer with weights large enough for attention that differs."""
    layer = CausalSelfAttention(heads, **options)
    layer.build((None, LENGTH, CHANNELS))
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    return layer


def turned(x):
    """Rows turned in the complex plane, the more the later (RoFormer, eq. 15)."""
    half = x.shape[-1] // 2
    angles = np.arange(len(x))[:, None] * 1e4 ** (-np.arange(half) / half)
    z = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([z.real, z.imag], axis=-1)


def by_hand(layer, x):
    """One example, head by head and position by position."""
    joint, out = (w.astype(float) for w in layer.get_weights())
    size = CHANNELS // layer.heads
    parts = np.split(x @ joint, layer.heads + 2 * layer.kv_heads, axis=-1)
    keys, values = parts[layer.heads :][: layer.kv_heads], parts[-layer.kv_heads :]
    read = np.zeros((len(x), layer.heads, size))
    for head, query in enumerate(parts[: layer.heads]):
        shared = head // (layer.heads // layer.kv_heads)
        key, value = keys[shared], values[shared]
        if layer.rotary:
            query, key = turned(query), turned(key)
        for i in range(len(x)):
            seen = slice(max(0, i - layer.context + 1), i + 1)
            weights = np.exp(key[seen] @ query[i] / np.sqrt(size))
            read[i, head] = weights / weights.sum() @ value[seen]
    return read.reshape(len(x), -1) @ out


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("context", [3, LENGTH])
def test_attention_is_that_of_numpy(rotary, kv_heads, context):
    layer = layer_of(kv_heads=kv_heads, context=context, rotary=rotary)
    x = RNG.normal(size=(2, LENGTH, CHANNELS))
    expected = [by_hand(layer, row) for row in x]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_rotary_positions_are_distances():
    layer = layer_of(context=3)
    x = RNG.normal(size=(1, LENGTH, CHANNELS)).astype("float32")
    later = layer(x)[:, 3 + 2]  # reads positions 3 to 5
    np.testing.assert_allclose(layer(x[:, 3:])[:, 2], later, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rotary", [False, True])
def test_the_order_counts_with_rotary_positions_alone(rotary):
    layer = layer_of(context=LENGTH, rotary=rotary)
    x = RNG.normal(size=(1, LENGTH, CHANNELS)).astype("float32")
    other = x[:, [3, 1, 0, 4, 2, 5]]
    difference = np.abs(layer(x)[:, -1] - layer(other)[:, -1]).max()
    assert difference > 0.1 if rotary else difference < 1e-4


@pytest.mark.parametrize("activation", ["squared_relu", "tanh"])
def test_a_block_adds_what_it_reads_and_what_it_computes(activation):
    block = TransformerBlock(
        layer_of(), expansion=2, activation=activation, dropout=0.5
    )
    x = RNG.normal(size=(2, LENGTH, CHANNELS)).astype("float32")
    block(x)
    hidden, out = (
        w.numpy() for layer in (block.hidden, block.out) for w in layer.weights
    )
    scales = [norm.weights[0] for norm in block.norms]
    for scale in scales:
        scale.assign(RNG.normal(size=scale.shape))

    def normalized(x, scale):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * scale.numpy()

    read = x + block.attention(normalized(x, scales[0])).numpy()
    entered = normalized(read, scales[1]) @ hidden
    active = np.tanh(entered) if activation == "tanh" else np.maximum(entered, 0) ** 2
    np.testing.assert_allclose(block(x), read + active @ out, rtol=1e-4, atol=1e-4)


def test_heads_of_keys_must_divide_the_heads():
    for kv_heads, message in {
        0: "kv_heads must be > 0",
        3: "must divide the 4",
    }.items():
        with pytest.raises(ValueError, match=message):
            CausalSelfAttention(4, kv_heads=kv_heads)
