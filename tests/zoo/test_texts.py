"""Texts: where they are split, how recipes learn them, how they are written."""

import json

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import zoo
from keras_gen.callbacks import write_texts
from keras_gen.engine import loop
from keras_gen.reading import FilePart
from keras_gen.texts import Windows, sentences, tokens_of
from keras_gen.tokenizers import ByteTokenizer, CharacterTokenizer
from keras_gen.writing import Writer
from keras_gen.zoo import data, texts
from keras_gen.zoo.languages import tokenized
from keras_gen.zoo.recipe import UsageError, find
from keras_gen.zoo.sample import write_samples


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.txt"


@pytest.mark.parametrize("text", ["0123456789\r\n" * 9, "é👩ß\n" * 30, "👩" * 50])
@pytest.mark.parametrize("extra", range(5))
def test_large_files_stay_on_disk(path, monkeypatch, text, extra):
    text += "x" * extra
    path.write_bytes(text.encode())
    in_memory = data.load(path)
    monkeypatch.setattr(texts, "IN_MEMORY", 10)
    on_disk = data.load(path)
    for split in (on_disk.train, on_disk.test):
        assert isinstance(split, data.TextSplit)
        assert isinstance(split.source, FilePart)
        assert len(split) == len(split.text)
    read = text.replace("\r\n", "\n")
    assert on_disk.train.text + on_disk.test.text == read
    assert in_memory.train.text + in_memory.test.text == read
    num_bytes = len(text.encode())
    assert 0 <= on_disk.train.source.stop - num_bytes * 9 // 10 < 4
    assert CharacterTokenizer.from_text(
        on_disk.train.source
    ) == CharacterTokenizer.from_text(on_disk.train.text)
    for split in (on_disk.train, on_disk.test):
        tokens = tokens_of(split.source, ByteTokenizer())
        np.testing.assert_array_equal(tokens, ByteTokenizer().encode(split.text))


@pytest.mark.parametrize("limit", [10, 10_000])
def test_broken_files_are_refused_by_byte_and_line(path, monkeypatch, limit):
    monkeypatch.setattr(texts, "IN_MEMORY", limit)
    for place in (20, 990):
        content = bytearray(b"a\n" * 500)
        content[place] = 0xFF
        path.write_bytes(content)
        line = place // 2 + 1
        message = rf"a\.txt must be text in UTF-8: byte {place}, on line {line},"
        with pytest.raises(ValueError, match=message):
            data.load(path)


def test_too_short_a_text_says_how_long_it_is(path):
    path.write_text("0123456789")
    split = data.load(path).test
    with pytest.raises(ValueError, match="at least one window of 5, received 1"):
        Windows(tokens_of(split.source, ByteTokenizer()), 5)
    for times, count in {1: 9, 10: 10}.items():
        path.write_text("0123456789" * times)
        message = (
            f"too short: .* a part has {count} tokens. A window of the recipe has 65"
        )
        with pytest.raises(ValueError, match=message):
            tokenized(data.load(path), find("transformer_shakespeare"), ByteTokenizer())


def test_named_texts_become_tokens_and_sentences():
    docs = data.load("pydocs")
    tokens = tokens_of(docs.test.source, ByteTokenizer())
    assert ByteTokenizer().decode(tokens) == docs.test.text
    found = sentences(docs.test.text)
    assert len(found) > 100
    assert np.median([len(sentence) for sentence in found]) < 200


@pytest.mark.slow
def test_lines_of_one_s_own_are_learned_with_their_own_characters(
    tmp_path, path, monkeypatch
):
    monkeypatch.setattr(loop, "default_jit", lambda model: False)
    monkeypatch.setattr(Writer, "compiles_loops", False)
    path.write_text("c1ccccc1\nCC(=O)O\nλµ\n" * 30)
    out = tmp_path / "run"
    model = zoo.train("lstm_smiles", out, data=path, epochs=1, batch_size=27)
    assert model.tokenizer.alphabet == "\n()1=COcµλ"
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["log_prob"]["num_samples"] == 9
    assert figures["nats_per_token"]["value"] < np.log(10)
    assert len((out / "samples.txt").read_text().splitlines()) == 8


def test_a_file_of_the_user_s_that_is_missing_is_named(monkeypatch):
    monkeypatch.delenv("KERAS_GEN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"holds smiles\.txt"):
        data.load("smiles")


def test_texts_without_line_breaks_are_written_one_per_line(tmp_path):
    write_texts(tmp_path / "a.txt", ["CO", "N"])
    assert (tmp_path / "a.txt").read_text() == "CO\nN\n"
    write_texts(tmp_path / "a.txt", ["C\nO", "N"])
    assert (tmp_path / "a.txt").read_text() == "C\nO\n----\nN\n"


def test_sentences_of_a_text_vae_are_written_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(Writer, "compiles_loops", False)
    encoder = kg.networks.text_encoder(3, 2, width=4, units=(4,))
    decoder = kg.networks.recurrent(3, width=4, units=(4,), condition_size=2)
    model = kg.TextVAE(encoder, decoder, CharacterTokenizer("ab\n"), length=8)
    out, how = tmp_path / "a.txt", {"prompt": "ab", "temperature": 0.5, "top_k": None}
    write_samples(model, out, num=3, seed=1, labels=None, how=how)
    expected = model.complete(["ab"] * 3, seed=1, temperature=0.5)
    assert out.read_text() == "\n".join(expected) + "\n"
    with pytest.raises(UsageError, match="has no classes"):
        write_samples(model, out, num=3, seed=1, labels=[1])
