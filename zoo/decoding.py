"""Files of images as uint8 arrays: colours, transparency, orientation, proportions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
CROP, PAD, STRETCH = "crop", "pad", "stretch"
FITS = {
    CROP: "cropped at the centre",
    PAD: "padded with the background",
    STRETCH: "stretched",
}
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # the modes of Pillow
WHITE = (1.0, 1.0, 1.0)
ORIENTATION = 0x0112  # the tag of EXIF


@dataclass(frozen=True)
class Framing:
    """How images of any size and mode become arrays of one shape.

    Attributes:
        fit: What becomes of an image of other proportions: "crop" cuts off its sides,
            "pad" adds background, "stretch" changes its proportions.
        background: Colour behind transparent pixels and around padded images: red,
            green and blue in [0, 1].
    """

    fit: str = CROP
    background: tuple[float, float, float] = WHITE

    @classmethod
    def of(
        cls,
        fit: str | None = None,
        background: str | float | Sequence[float] | None = None,
    ) -> "Framing":
        """The framing of a user's arguments.

        Args:
            fit: One of `FITS`. Default: crop.
            background: A grey value in [0, 1], a colour (red, green, blue) in [0, 1],
                or a name such as "black" or "#ff8000". Default: white.

        Raises:
            ValueError: If an argument is invalid.
        """
        if fit is not None and fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, received {fit!r}.")
        return cls(fit or CROP, _colour(background))

    @property
    def is_grey(self) -> bool:
        """Whether the background is grey."""
        return len(set(self.background)) == 1

    def below(self, mode: str) -> "int | tuple[int, ...]":
        """The background as a pixel of a mode of `CHANNELS`; transparent with alpha."""
        from PIL import Image

        pixel = tuple(round(255 * value) for value in self.background)
        if mode == "RGBA":
            return (*pixel, 0)
        if mode == "RGB":
            return pixel
        return np.asarray(Image.new("RGB", (1, 1), pixel).convert(mode)).item()


class Look(NamedTuple):
    """What a file of an image holds.

    Attributes:
        height: Rows of pixels, upright.
        width: Columns of pixels.
        mode: Pillow's mode, such as "RGB" or "P".
        is_grey: Whether all visible pixels are grey.
        is_transparent: Whether a pixel is transparent.
        is_flat: Whether all pixels are the same.
    """

    height: int
    width: int
    mode: str
    is_grey: bool
    is_transparent: bool
    is_flat: bool


def look(path: str | Path) -> Look:
    """Decodes an image, verifies its checksums, and describes it.

    Raises:
        ValueError: As `read_image`.
        Exception: Of several types, if the file cannot be decoded.
    """
    from PIL import Image

    with Image.open(path, formats=FORMATS) as image:
        image.verify()
    return look_at(*opened(path))


def look_at(image: "Image", kind: str, *, by_value: bool = False) -> Look:
    """Describes a loaded image.

    Args:
        image: The image, upright.
        kind: Its format, one of `FORMATS`.
        by_value: Whether an image whose mode has colours is grey if its values are.
            Otherwise only palettes and WEBP are asked for their values.
    """
    eight = _eight_bits(image, kind)
    extrema = eight.getextrema()
    bands = extrema if len(eight.getbands()) > 1 else (extrema,)
    lows, highs = zip(*bands, strict=True)
    is_transparent = eight.mode in ("LA", "RGBA") and lows[-1] < 255
    is_grey = eight.mode in ("L", "LA")
    if not is_grey and (by_value or kind == "WEBP" or image.mode in ("P", "PA")):
        values = np.asarray(eight)
        same = (values[..., :1] == values[..., 1:3]).all(axis=-1)
        is_grey = bool((same | (values[..., -1] == 0) & is_transparent).all())
    is_flat = lows == highs
    return Look(image.height, image.width, image.mode, is_grey, is_transparent, is_flat)


def read_image(
    path: str | Path, shape: Sequence[int], framing: Framing | None = None
) -> np.ndarray:
    """Decodes the first frame of an image, rotated according to its EXIF data.

    Values of more than 8 bits are rounded. ICC profiles are ignored. Images are resized
    by cubic interpolation without aliasing.

    Args:
        path: A file of one of `FORMATS`, with any suffix.
        shape: (height, width, channels), with 1 channel (grey), 3 (colour) or 4 (colour
            and opacity). Without opacity, transparent pixels show the background. With
            opacity, wholly transparent pixels get its colour.
        framing: Proportions and background. Default: `Framing()`.

    Returns:
        uint8, of that shape.

    Raises:
        ValueError: If the range of the values is unknown: 32-bit integers, or floats
            outside [0, 1].
        Exception: Of several types, if the file cannot be decoded.
    """
    return framed(*opened(path), shape, framing or Framing())


def framed(
    image: "Image", kind: str, shape: Sequence[int], framing: Framing
) -> np.ndarray:
    """A loaded image as an array of a shape; see `read_image`.

    Args:
        image: The image, upright.
        kind: Its format, one of `FORMATS`.
        shape: (height, width, channels).
        framing: Proportions and background.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    mode = CHANNELS[channels]
    image = _eight_bits(image, kind)
    if mode != "RGBA" and image.mode in ("LA", "RGBA"):
        pixel = tuple(round(255 * value) for value in framing.background)
        below = Image.new("RGBA", image.size, (*pixel, 255))
        image = Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")
    image = image.convert(mode)
    size, method = (width, height), Image.Resampling.BICUBIC
    if framing.fit == CROP:
        image = ImageOps.fit(image, size, method)
    elif framing.fit == PAD:
        image = ImageOps.pad(image, size, method, framing.below(mode))
    else:
        image = image.resize(size, method)
    values = np.array(image).reshape(height, width, channels)
    if mode == "RGBA":  # nothing may hide below transparent pixels
        values[values[..., 3] == 0] = framing.below(mode)
    return values


def save_image(path: str | Path, values: np.ndarray) -> None:
    """Writes an image, (height, width, 1, 3 or 4) in [0, 1], as a PNG."""
    from PIL import Image

    pixels = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)


def _colour(
    background: str | float | Sequence[float] | None,
) -> tuple[float, float, float]:
    """Red, green and blue in [0, 1]."""
    from PIL import ImageColor

    try:
        if background is None:
            return WHITE
        if isinstance(background, str):
            red, green, blue = ImageColor.getrgb(background)[:3]
            return red / 255, green / 255, blue / 255
        colour = np.broadcast_to(np.asarray(background, np.float64), (3,))
        if not ((colour >= 0) & (colour <= 1)).all():
            raise ValueError("outside [0, 1]")
    except (ValueError, TypeError) as error:
        raise ValueError(
            "background must be a grey value in [0, 1], three values (red, green, "
            f"blue) in [0, 1], or the name of a colour, received {background!r}."
        ) from error
    red, green, blue = colour.tolist()
    return red, green, blue


def opened(path: str | Path) -> tuple["Image", str]:
    """A loaded image, rotated according to its EXIF data, and its format."""
    from PIL import Image

    # Pillow maps uncompressed TIFF from a path into memory, and misreads rotated ones.
    with open(path, "rb") as file, Image.open(file, formats=FORMATS) as image:
        image.load()
        return _upright(image), image.format or ""


def _upright(image: "Image") -> "Image":
    """Rotates and mirrors an image by its EXIF data. Ignores damaged EXIF data."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # of any type: EXIF data can hold anything
        return image
    return image.transpose(turns[orientation]) if orientation in turns else image


def _eight_bits(image: "Image", kind: str) -> "Image":
    """The image in 8 bits: grey or colour, with opacity if it has transparency."""
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and kind == "PNG"):
        values = np.asarray(image)
        grey = Image.fromarray(np.round(values / 257).astype(np.uint8))
        if (hidden := image.info.get("transparency")) is None:
            return grey
        opacity = np.where(values == hidden, 0, 255).astype(np.uint8)
        return Image.merge("LA", (grey, Image.fromarray(opacity)))
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        if image.mode == "I" or not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f"32-bit values in [{values.min():g}, {values.max():g}] have no known "
                "range: expected 8 or 16 bits, or floats in [0, 1]"
            )
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    is_grey = image.mode in ("1", "L", "LA", "La")
    if not image.has_transparency_data:
        return image.convert("L" if is_grey else "RGB")
    if image.mode in ("La", "RGBa"):  # premultiplied
        return image.convert("LA" if is_grey else "RGBA")
    image = image.convert("RGBA")
    return image.convert("LA") if is_grey else image
