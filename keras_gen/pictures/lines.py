"""Series as lines over time."""

import numpy as np

from .points import panels, pixels, ranges

LINES, CHANNELS = 8, 4  # largest numbers that are shown


def line_plots(samples: np.ndarray, examples: np.ndarray | None = None) -> np.ndarray:
    """Draws series as lines, with a panel per channel and examples in a row below.

    The first eight series and the first four channels are shown. The axes of a channel
    have the range of the examples, or of the samples without examples.

    Args:
        samples: `(n, length, channels)`.
        examples: Real series, `(m, length, channels)`.

    Returns:
        uint8 `(height, width, 3)`.
    """
    parts = {"samples": np.asarray(samples)}
    if examples is not None:
        parts["data"] = np.asarray(examples)
    known = [*parts.values()][-1]
    channels = min(CHANNELS, known.shape[2])
    canvas, all_axes = panels(channels, len(parts))
    low, high = ranges(known.reshape(-1, known.shape[2]))
    for row, (title, series) in enumerate(parts.items()):
        for channel in range(channels):
            axes = all_axes[row * channels + channel]
            axes.plot(series[:LINES, :, channel].T, lw=1.2)
            name = f"{title}, channel {channel}" if channels > 1 else title
            axes.set(ylim=(low[channel], high[channel]), title=name)
    return pixels(canvas)
