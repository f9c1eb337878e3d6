"""Sentences: where they end, and where they do not."""

import pytest

from keras_gen.texts import sentences

PROSE = {
    "plain": ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
    "white space": ("  A  b\n\tc.\r\nD. ", ["A b c.", "D."]),
    "paragraph": (
        "A title\n \nIt begins\nhere\r\n\r\nend",
        ["A title", "It begins here", "end"],
    ),
    "lower case": ("He asked why? and left. Then", ["He asked why? and left.", "Then"]),
    "abbreviations": (
        "Mr. Bo, i.e. Dr. J. Bo (cf. Fig. 2). Yes.",
        ["Mr. Bo, i.e. Dr. J. Bo (cf. Fig. 2).", "Yes."],
    ),
    "quotes": (
        '“Who?” (He waited.) "No." 2 left… ‘So!’',
        ["“Who?”", "(He waited.)", '"No."', "2 left…", "‘So!’"],
    ),
    "numbers": (
        "It is 3.5 of a.b.c.X. 42 more.",
        ["It is 3.5 of a.b.c.X.", "42 more."],
    ),
    "several": ("What?! Well... Yes.", ["What?!", "Well...", "Yes."]),
    "accents": ("Été. Église.", ["Été.", "Église."]),
    "nothing": (" \n\n \r\n", []),
}


@pytest.mark.parametrize(("text", "expected"), PROSE.values(), ids=PROSE)
def test_prose_is_split_into_sentences(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(("text", "expected"), PROSE.values(), ids=PROSE)
def test_no_word_is_lost(text, expected):
    assert " ".join(sentences(text)).split() == text.split()


def test_only_texts_have_sentences():
    with pytest.raises(TypeError, match="text must be a str"):
        sentences(["A."])
