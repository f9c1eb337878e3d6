"""A VAE of the lines of a text."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import keras_gen as kg

from ..languages import InLines
from ..optimizing import Cosine
from ..preset import TEXT, Preset
from ..settings import Says
from ..texts import LINES

if TYPE_CHECKING:
    from keras_gen.specs import Tokens

LENGTH = 96


def make(
    inputs: "Tokens",
    condition: None,
    width: int,
    seed: int,
    steps: int | None,
    *,
    latent_size: Annotated[
        int | None, Says("Numbers of the latent vector. Default: the width.")
    ] = None,
    channels: Annotated[
        int | None, Says("Channels of a token. Default: 2 x width.")
    ] = None,
    cell: Annotated[Literal["lstm", "gru"], Says("Kind of the layers.")] = "lstm",
    dropout: Annotated[
        float, Says("Share of the decoder's features set to 0 in training.", 0, 0.99)
    ] = 0.0,
    word_dropout: Annotated[
        float, Says("Share of tokens hidden from the decoder.", 0, 0.99)
    ] = 0.3,
    beta: Annotated[float, Says("Factor of the KL term of the loss.", least=0)] = 1.0,
    kl_warmup: Annotated[
        float, Says("Share of the run over which that factor grows from 0.", 0, 1)
    ] = 0.5,
    free_bits: Annotated[
        float, Says("Nats of each latent number that the KL term leaves free.", least=0)
    ] = 0.5,
) -> "kg.TextVAE":
    """The model."""
    del condition
    rises = round(kl_warmup * (steps or 0))
    size, latent_size = inputs.vocabulary_size, latent_size or width
    of_both: dict[str, Any] = {"width": channels or 2 * width, "cell": cell}
    of_decoder = {"condition_size": latent_size, "dropout": dropout, **of_both}
    return kg.TextVAE(
        kg.networks.text_encoder(size, latent_size, **of_both),
        kg.networks.recurrent(size, **of_decoder),
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
