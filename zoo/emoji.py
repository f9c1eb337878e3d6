"""Emoji in two styles, in nine categories.

`emoji.npz` is read from the folder that `KERAS_GEN_DATA` names. Its pictures are those
of the npm packages emoji-datasource-google (Noto, Apache-2.0) and
emoji-datasource-twitter (Twemoji, CC BY 4.0), 16.0.0. It holds:

- `google` and `twitter`: RGBA pictures, uint8, `(n, 64, 64, 4)`, aligned row by row;
- `image`: the file of each row, named by code points, such as `1f44b-1f3fb.png`;
- `category`: the category of each row, a place in `categories`;
- `name`: the name of each row, in words.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .embedded import Arrays, ArraySplit
from .tabular import find_file

if TYPE_CHECKING:
    from keras_gen.specs import Classes, Images

STEPS = 108  # of an epoch of 6,913 pictures, 64 at a time
PAIRED_STEPS = 216  # of an epoch of 3,456 pairs, 16 at a time
NUM_CATEGORIES = 9
STYLES = "google", "twitter"
SIDE = 64
APART = "Component"  # five tones and hairs, which are parts of emoji
ORIGIN = "of the npm packages emoji-datasource-google and -twitter"
MOST_WORDS, KNOWN = 10**6, 2  # names of training that have a held-out word, at least
VARIANTS = {  # code points that leave the motif as it is
    *("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"),  # tones of skin
    *("2640", "2642", "200d", "fe0f"),  # women, men, joiner, style
}


def pictures() -> "tuple[Images, Classes]":
    """The specs of `emoji`: pictures and categories."""
    from keras_gen.specs import Classes, Images

    return Images(SIDE, SIDE, 3), Classes(NUM_CATEGORIES)


def styles() -> "tuple[Images, Images]":
    """The specs of `emoji_styles`: pictures of both styles."""
    from keras_gen.specs import Images

    return Images(SIDE, SIDE, 3), Images(SIDE, SIDE, 3)


def emoji() -> Arrays:
    """About 6,900 and 660 pictures of 9 categories: uint8, (n, 64, 64, 3), on white.

    A tenth of the motifs is held out. The styles, tones of skin and genders of a motif
    are on the same side, so that no held-out picture is a variant of a training one.
    """
    styles, labels, held_out, names = _whole()
    pictures = np.concatenate(styles)
    labels, held_out = (np.tile(a, len(STYLES)) for a in (labels, held_out))
    train, test = _split(ArraySplit(pictures, labels), labels >= 0, held_out)
    return train, test, names


def emoji_styles() -> Arrays:
    """About 3,400 and 330 pairs: Google's pictures to translate into Twitter's.

    They are uint8, (n, 64, 64, 3), on white, and split as those of `emoji`.
    """
    (google, twitter), labels, held_out, _ = _whole()
    train, test = _split(ArraySplit(twitter, google), labels >= 0, held_out)
    return train, test, ()


def emoji_words() -> Arrays:
    """About 6,900 and 640 pictures with their names, in lower case, as labels.

    They are uint8, (n, 64, 64, 3), on white. A tenth of the names is held out: new
    combinations of words, each of which is in several names of training. Variants of
    skin have the same name; men, women and persons have different ones.
    """
    arrays = _read(find_file("emoji.npz", hint=ORIGIN), "name")
    names = np.array([str(name).lower() for name in arrays["name"]])
    apart = [str(name) for name in arrays["categories"]].index(APART)
    is_kept = arrays["category"] != apart
    held_out = np.isin(names, _tenth_of_known(np.unique(names[is_kept]).tolist()))
    pictures = np.concatenate([_on_white(arrays[style]) for style in STYLES])
    names, is_kept, held_out = (np.tile(a, 2) for a in (names, is_kept, held_out))
    return *_split(ArraySplit(pictures, names), is_kept, held_out), ()


def _whole() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, tuple[str, ...]]:
    """Pictures of each style, their categories, which are held out, and the names.

    Parts of emoji have the category -1.
    """
    arrays = _read(find_file("emoji.npz", hint=ORIGIN))
    names = [str(name) for name in arrays["categories"]]
    kept = [name for name in names if name != APART]
    place = np.array([kept.index(n) if n != APART else -1 for n in names], np.int32)
    labels = place[arrays["category"]]
    motifs = np.array([_motif(str(name)) for name in arrays["image"]])
    held_out = np.isin(motifs, _tenth(np.unique(motifs[labels >= 0])))
    return [_on_white(arrays[style]) for style in STYLES], labels, held_out, tuple(kept)


def _split(
    whole: ArraySplit, is_kept: np.ndarray, held_out: np.ndarray
) -> tuple[ArraySplit, ArraySplit]:
    """Training and held-out examples, in a fixed random order."""
    order = np.random.RandomState(0).permutation(len(is_kept))
    order = order[is_kept[order]]
    train, test = (order[held_out[order] == side] for side in (False, True))
    return whole.subset(train), whole.subset(test)


def _read(path: Any, *more: str) -> dict[str, np.ndarray]:
    """The arrays of the file, and further ones, checked.

    Raises:
        ValueError: If the file is damaged, or if its arrays do not fit each other.
    """
    keys = [*STYLES, "image", "category", "categories", *more]
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in keys}
    except Exception as error:  # zipfile, zlib and numpy raise many types
        raise ValueError(f"{path} cannot be read: {error}") from error
    rows = len(arrays["image"])
    for style in STYLES:
        x, shape = arrays[style], (rows, SIDE, SIDE, 4)
        if x.shape != shape or x.dtype != np.uint8:
            raise ValueError(
                f"{path}, {style!r}, must be uint8 of shape {shape}, received "
                f"{x.dtype} of shape {x.shape}."
            )
    category, most = arrays["category"], len(arrays["categories"])
    if category.shape != (rows,) or not np.isin(category, np.arange(most)).all():
        raise ValueError(f"{path}, 'category', must hold {rows} places below {most}.")
    return arrays


def _motif(file: str) -> str:
    """The code points of a file without those that make a variant."""
    points = file.removesuffix(".png").split("-")
    return "-".join(point for point in points if point not in VARIANTS)


def _tenth(motifs: np.ndarray) -> np.ndarray:
    chosen = np.random.RandomState(0).permutation(len(motifs))
    return motifs[chosen[: len(motifs) // 10]]


def _tenth_of_known(names: list[str]) -> list[str]:
    """A tenth of the names, whose words are all in at least two of the others."""
    from keras_gen.tokenizers import WordTokenizer

    tokenizer = WordTokenizer.train(names, MOST_WORDS)
    words = [{*tokenizer.encode(name).tolist()} for name in names]
    counts = Counter(word for of_name in words for word in of_name)
    chosen: list[str] = []
    for place in np.random.RandomState(0).permutation(len(names)):
        is_known = all(counts[word] > KNOWN for word in words[place])
        if is_known and len(chosen) < len(names) // 10:
            chosen.append(names[place])
            counts.subtract(words[place])
    return chosen


def _on_white(x: np.ndarray) -> np.ndarray:
    """RGB pictures of RGBA ones, uint8."""
    colour, opacity = x[..., :3].astype(np.uint16), x[..., 3:].astype(np.uint16)
    total = colour * opacity + 255 * (255 - opacity)  # at most 255 * 255
    return ((total + 127) // 255).astype(np.uint8)
