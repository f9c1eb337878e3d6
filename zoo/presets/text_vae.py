"""A VAE of the lines of a text."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

from ..languages import InLines
from ..model_settings import Beta, Cell, FreeBits, KLWarmup, LatentSize
from ..optimizing import Cosine
from ..preset import TEXT, Preset
from ..settings import Says
from ..texts import LINES

if TYPE_CHECKING:
    from keras_gen.specs import Classes, Tokens

LENGTH = 96


def make(
    inputs: "Tokens",
    condition: "Classes | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    latent_size: LatentSize = None,
    channels: Annotated[
        int | None, Says("Channels of a token. Default: 2 x width.")
    ] = None,
    cell: Cell = "lstm",
    dropout: Annotated[
        float, Says("Share of the decoder's features set to 0 in training.", 0, 0.99)
    ] = 0.0,
    word_dropout: Annotated[
        float, Says("Share of tokens hidden from the decoder.", 0, 0.99)
    ] = 0.3,
    beta: Beta = 1.0,
    kl_warmup: KLWarmup = 0.5,
    free_bits: FreeBits = 0.5,
) -> "kg.TextVAE":
    """The model."""
    rises = round(kl_warmup * (steps or 0))
    size, latent_size = inputs.vocabulary_size, latent_size or width
    classes = 0 if condition is None else condition.num_classes
    of_both: dict[str, Any] = {"width": channels or 2 * width, "cell": cell}
    of_decoder = {"condition_size": latent_size + classes, **of_both}
    return kg.TextVAE(
        kg.networks.text_encoder(size, latent_size, condition_size=classes, **of_both),
        kg.networks.recurrent(size, dropout=dropout, **of_decoder),
        inputs.tokenizer,
        objective=kg.ELBO(beta, rises, free_bits),
        word_dropout=word_dropout,
        length=inputs.length,
        end_token=inputs.end_token,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="VAE",
    least_steps=0,
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 5.0},
    text=InLines(LENGTH),
    by=(LINES,),
    longest=LENGTH,
    source="Bowman et al. 2016",
)
