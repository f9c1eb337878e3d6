"""Restoration by diffusion: super-resolution, and the undoing of other corruption.

Rooms: `networks` (the denoiser), `objectives` (the corruption).
"""

from ..capabilities import Restores
from ..denoising import DenoisingModel
from ..serialization import register


@register
class Restorer(Restores, DenoisingModel):
    """A diffusion model that is told a corrupted example and draws the clean one.

    In training the examples are corrupted; the network sees the result beside the
    noisy example. With `LowResolution(4)` this is super-resolution, with `Masking` the
    filling of holes.

    Args:
        network: Noisy examples, noise levels `(batch, 1)`, one-hot labels if it is
            class-conditional, and corrupted examples, to raw values like the examples;
            such as `networks.unet((28, 28, 1), condition_channels=1)`.
        corruption: What it is trained to undo, such as `LowResolution(4)`.
        **options: Further arguments of `Diffusion`.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the network does not fit, or an argument its range.

    References:
        Saharia et al., "Image super-resolution via iterative refinement", 2021; Saharia
        et al., "Palette: image-to-image diffusion models", 2022.
    """

    instead = (
        "call restore(x) for clean examples, predict_x0(noisy, alpha, sigma, "
        "corrupted=x) for one call of the network, and keras_gen.export.saved_model or "
        "tflite to export them."
    )
    arguments = (*DenoisingModel.arguments, "corruption")
