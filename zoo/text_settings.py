"""How a preset takes texts: by lines or windows, their tokenizer and their length."""

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from .data import Data
from .languages import ENDS, InLines, InWindows, tokenized, tokenizer_for
from .preset import Preset
from .recipe import Recipe, UsageError
from .texts import LINES, WINDOWS, Records, TextSplit, by_lines, fits_lines, is_tokens

if TYPE_CHECKING:
    from keras_gen.tokenizers import Tokenizer

CHOICES = BY, LENGTH, TOKENIZER, VOCABULARY = "by", "length", "tokenizer", "vocabulary"
END = "end"
CHARACTER, BYTE, WORD, BPE = "character", "byte", "word", "bpe"
TOKENIZERS = (CHARACTER, BYTE, WORD, BPE)
SIZES = {WORD: (4, 10_000), BPE: (256, 2000)}  # the least and the default vocabulary
FEWEST = 2  # tokens of a row
COUNTED = 4096  # texts whose tokens are counted together
OUTLYING = 2  # times the 99th percentile of the lengths of lines


def check_choices(choices: Mapping[str, Any]) -> None:
    """Raises UsageError if settings of texts do not exist or do not fit each other."""
    for key, known in {BY: (LINES, WINDOWS), TOKENIZER: TOKENIZERS}.items():
        if (value := choices.get(key, known[0])) not in known:
            raise UsageError(
                f"{key} must be one of {', '.join(known)}, received {value!r}."
            )
    if choices.get(LENGTH, FEWEST) < FEWEST:
        raise UsageError(
            f"length must be at least {FEWEST}, received {choices[LENGTH]}."
        )
    kind, size = choices.get(TOKENIZER), choices.get(VOCABULARY)
    if size is None:
        return
    if kind in (CHARACTER, BYTE):
        raise UsageError(
            f"vocabulary is for the tokenizers {', '.join(SIZES)}, received {size} "
            f"for {kind}."
        )
    least = SIZES[kind][0] if kind else 1
    if size < least:
        raise UsageError(
            f"vocabulary must be at least {least}, received {size} for "
            f"{kind or 'tokens'}."
        )


def as_tokens(
    preset: Preset,
    data: Data,
    settings: dict[str, Any],
    tokenizer: "Tokenizer | None" = None,
) -> tuple[Preset, Data]:
    """The texts of a run as tokens, and the preset that takes them.

    Records what is chosen by the data. A run that was begun by a version without such
    settings stays as it was.

    Args:
        preset: The preset.
        data: Texts, or arrays of tokens.
        settings: The settings of the run.
        tokenizer: That of a trained model. None makes one from the training texts.

    Raises:
        UsageError: If a setting does not fit the preset or the data.
        ValueError: If the texts are too short.
    """
    is_earlier = BY not in settings and "steps" in settings
    if not is_earlier:
        _choose_by(preset, data, settings)
        data = arranged(data, settings)
    if is_tokens(data.train):
        _check_tokens_only(data, settings)
        tokenizer = None
    elif tokenizer is None:
        tokenizer = _learned(data, settings)
    if not is_earlier:
        _choose_length(preset, data, settings, tokenizer)
    preset = with_rows(preset, settings)
    text: Any = preset.text
    is_windows = isinstance(text, InWindows)
    size = _vocabulary_size(data, settings, tokenizer)
    end = None
    if tokenizer is not None and not is_windows:
        end = int(tokenizer.encode(text.end)[0])
    from keras_gen.specs import Tokens

    spec = Tokens(size, text.length - is_windows, tokenizer, end)
    return preset, dataclasses.replace(tokenized(data, preset, tokenizer), spec=spec)


def with_rows(preset: Recipe, settings: Mapping[str, Any]) -> Any:
    """The preset with rows of texts as a run recorded them; a recipe as it is."""
    if BY not in settings:
        return preset
    length = settings[LENGTH]
    if settings[BY] == WINDOWS:
        return dataclasses.replace(preset, text=InWindows(length + 1))
    text = InLines(length, end=settings.get(END, ENDS))
    return dataclasses.replace(preset, text=text)


def arranged(data: Data, settings: Mapping[str, Any]) -> Data:
    """The data with held-out lines at random, if a run takes texts by lines."""
    if settings.get(BY) != LINES or is_tokens(data.train):
        return data
    train, test = by_lines(data.train, data.test, data.name)
    return dataclasses.replace(data, train=train, test=test)


def unlabelled(data: Data) -> Data:
    """The texts without their classes, for a model without a condition."""
    splits = (dataclasses.replace(s, labels=None) for s in (data.train, data.test))
    train, test = splits
    return dataclasses.replace(data, train=train, test=test, class_names=())


def described(data: Data, settings: Mapping[str, Any]) -> list[str]:
    """What was chosen for texts, in sentences. [] for other data.

    Args:
        data: The data, of which `spec` is known.
        settings: The settings of the run.
    """
    if BY not in settings:
        return []
    spec: Any = data.spec
    name = settings.get(TOKENIZER)
    kind = f"{name} tokens" if name else "tokens"
    by, length = settings[BY], settings[LENGTH]
    other = WINDOWS if by == LINES else LINES
    if name is None:
        rows = "rows of" if by == LINES else "windows of"
        return [f"{rows} {length} of {spec.vocabulary_size:,} tokens"]
    how = {
        LINES: f"one text per line or record, at most {length} {kind} with its end",
        WINDOWS: f"windows of {length} {kind}",
    }
    return [
        f"{how[by]}, vocabulary of {spec.vocabulary_size:,} (--by {other}, --length "
        "and --tokenizer choose otherwise)"
    ]


def _choose_by(preset: Preset, data: Data, settings: dict[str, Any]) -> None:
    """Records whether texts are taken by lines or windows, and the end of a line."""
    source: Any = data.train.source
    fitting = list(preset.by)
    if is_tokens(data.train):
        fitting = [by for by in fitting if (by == LINES) == (source.ndim == 2)]
    chosen = settings.get(BY)
    if chosen not in (None, *fitting) or not fitting:
        received = f"tokens of shape {source.shape}" if not fitting else repr(chosen)
        raise UsageError(
            f"by must be {' or '.join(fitting or preset.by)} for "
            f"{settings['recipe']} with {data.name}, received {received}."
        )
    if chosen is None:
        is_list = len(fitting) > 1 and fits_lines(data.train)
        chosen = LINES if is_list else fitting[-1]
    settings[BY] = chosen
    if chosen == LINES and isinstance(source, Records):
        settings[END] = source.end


def _check_tokens_only(data: Data, settings: Mapping[str, Any]) -> None:
    if TOKENIZER in settings:
        raise UsageError(
            f"tokenizer is for texts, and {data.name} holds tokens, received "
            f"{settings[TOKENIZER]!r}."
        )


def _learned(data: Data, settings: dict[str, Any]) -> "Tokenizer":
    """The tokenizer of a run, with what it learns from the training texts."""
    from keras_gen import tokenizers

    kind = settings.setdefault(TOKENIZER, CHARACTER)
    if kind == CHARACTER:
        return tokenizer_for(data, None, settings.get(END, ENDS))
    if kind == BYTE:
        return tokenizers.ByteTokenizer()
    size = settings.setdefault(VOCABULARY, SIZES[kind][1])
    if kind == WORD:
        found = tokenizers.WordTokenizer.train(data.train.source, size).words
        ends = {settings.get(END, ENDS)}.difference(found)  # of a tiny vocabulary
        return tokenizers.WordTokenizer((*found[: len(found) - len(ends)], *ends))
    return tokenizers.BytePairTokenizer.train(data.train.source, size)


def _vocabulary_size(
    data: Data, settings: dict[str, Any], tokenizer: "Tokenizer | None"
) -> int:
    if tokenizer is not None:
        return tokenizer.vocabulary_size
    found = 1 + max(int(split.source.max()) for split in (data.train, data.test))
    size = settings.setdefault(VOCABULARY, found)
    if size < found:
        raise UsageError(
            f"vocabulary must be at least {found}, the largest token of {data.name} "
            f"plus 1, received {size}."
        )
    return size


def _choose_length(
    preset: Preset,
    data: Data,
    settings: dict[str, Any],
    tokenizer: "Tokenizer | None",
) -> None:
    if LENGTH in settings:
        return
    if settings[BY] == WINDOWS:
        text: Any = preset.text
        settings[LENGTH] = text.length - 1
    elif tokenizer is None:
        settings[LENGTH] = data.train.source.shape[1]
    else:
        settings[LENGTH] = min(_longest(data.train, tokenizer), preset.longest)


def _longest(train: TextSplit, tokenizer: "Tokenizer") -> int:
    """Tokens of the longest line with its end, without lines far longer than others."""
    import numpy as np

    source: Any = train.source
    counts: Any = np.concatenate([*_counts(source.texts(), tokenizer)])
    most = min(counts.max(), OUTLYING * np.percentile(counts, 99))
    return int(most) + 1


def _counts(texts: Iterator[str], tokenizer: "Tokenizer") -> Iterator[Any]:
    while several := [*islice(texts, COUNTED)]:
        yield tokenizer.encode_flat(several)[1]
