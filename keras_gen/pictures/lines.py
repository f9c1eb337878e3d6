"""Series as lines over time."""

import numpy as np

from .points import panels, pixels, ranges

LINES, CHANNELS = 8, 4  # largest numbers that are shown
LONG, STACKED = 200, 4  # a length from which series are shown one below the other


def line_plots(
    samples: np.ndarray, examples: np.ndarray | None = None, name: str = "samples"
) -> np.ndarray:
    """Draws series as lines, with a panel per channel and examples in a row below.

    The first eight series and the first four channels are shown. The axes of a channel
    have the range of the examples, or of the samples without examples. Of series of
    200 points or more, the first four are shown one below the other.

    Args:
        samples: `(n, length, channels)`.
        examples: Real series, `(m, length, channels)`.
        name: The title above `samples`.

    Returns:
        uint8 `(height, width, 3)`.
    """
    parts = {name: np.asarray(samples)}
    if examples is not None:
        parts["data"] = np.asarray(examples)
    known = [*parts.values()][-1]
    channels = min(CHANNELS, known.shape[2])
    canvas, all_axes = panels(channels, len(parts))
    low, high = ranges(known.reshape(-1, known.shape[2]))
    for row, (title, series) in enumerate(parts.items()):
        for channel in range(channels):
            axes, top = all_axes[row * channels + channel], high[channel]
            shown = f"{title}, channel {channel}" if channels > 1 else title
            lines = series[:LINES, :, channel].T
            if len(lines) >= LONG:
                span, lines = high[channel] - low[channel], lines[:, :STACKED]
                lines = lines + span * (STACKED - 1 - np.arange(lines.shape[1]))
                top = low[channel] + STACKED * span
                axes.set_yticks([])
            axes.plot(lines, lw=1.2 if len(lines) < LONG else 0.6)
            axes.set(ylim=(low[channel], top), title=shown)
    return pixels(canvas)
