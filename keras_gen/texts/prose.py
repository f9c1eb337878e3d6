"""Prose, sentence by sentence."""

import re

from ..reading import with_line_feeds
from ..validation import check_type

PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+(?=[\"'“‘(\[]*(\w))")
ABBREVIATIONS = frozenset("cf. dr. e.g. etc. fig. i.e. mr. mrs. ms. prof. vs.".split())


def sentences(text: str) -> list[str]:
    r"""Splits prose into its sentences.

    A sentence ends with its paragraph (at an empty line), or at a full stop, an
    exclamation mark or a question mark, perhaps with closing quotes or brackets, before
    white space and a word that does not begin in lower case. A full stop after a single
    capital letter or a usual English abbreviation does not end a sentence. White space
    within a sentence becomes one space.

    Args:
        text: Prose in a language that separates words by spaces.

    Returns:
        The sentences in order, without empty ones.

    Example:
        >>> sentences('"Who is there?" He, i.e. Dr. No,\nwaited. Silence.')
        ['"Who is there?"', 'He, i.e. Dr. No, waited.', 'Silence.']
    """
    check_type(text, str, "text")
    text = with_line_feeds(text)
    paragraphs = (" ".join(part.split()) for part in PARAGRAPH.split(text))
    return [s for paragraph in paragraphs for s in _sentences(paragraph)]


def _sentences(paragraph: str) -> list[str]:
    found, start = [], 0
    for end in END.finditer(paragraph):
        last_word = paragraph[start : end.end()].split()[-1]
        if not (end[1].islower() or _is_abbreviation(last_word)):
            found.append(paragraph[start : end.end()].strip())
            start = end.end()
    rest = paragraph[start:]
    return [*found, rest] if rest else found


def _is_abbreviation(word: str) -> bool:
    is_initial = len(word) == 2 and word[0].isupper() and word[1] == "."
    return is_initial or word.lower().lstrip("([\"'“‘") in ABBREVIATIONS
