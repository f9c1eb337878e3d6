"""Google's emoji translated into Twitter's, learned from pairs."""

from ..emoji import PAIRED_STEPS, styles
from ..presets.pix2pix import recipe as preset

recipe = preset.recipe_for(
    styles,
    steps=PAIRED_STEPS,
    epochs=30,
    learning_rate=4e-4,
    size="small",
    batch_size=16,
    data="emoji_styles",
    parameters=342_629,
    source="Isola et al. 2017",
    expected={"absolute_error": (0.11, 0.13), "ssim": (0.37, 0.43)},
    results={"absolute_error": 0.1212, "ssim": 0.3976},
)
