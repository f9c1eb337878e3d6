"""Networks: tensors to tensors. Builders return a network, or a usual pair.

A pair is an encoder and a decoder, or a generator and a discriminator.

Any Functional or Sequential model can replace a network that is built here. A
class-conditional network has two inputs, the value and the one-hot labels
`(batch, num_classes)`. A denoiser takes a noise level between the two, and a
`TextReader` may read tokens in place of labels.
"""

from .adversarial import dcgan, mlp_gan
from .attention import SelfAttention
from .backbones import BackboneLogits, from_keras_hub
from .causal import (
    Gate,
    HorizontalStackConv2D,
    OneHotLevels,
    PositionBias,
    VerticalStackConv2D,
)
from .causal_attention import CausalSelfAttention
from .causal_block import TransformerBlock
from .classifiers import conv_features
from .conv import conv_autoencoder, conv_decoder, conv_encoder, conv_vae
from .denoisers import mlp_denoiser
from .dit import dit
from .doubling import DoublingConvolution
from .dropout import Dropout
from .embeddings import FourierEmbedding, LevelEmbedding, PositionEmbedding
from .heads import projection_logit
from .interfaces import check_denoiser, check_players
from .language import causal_transformer, recurrent
from .levels import Part, TwoLevels, mlp_two_levels
from .logits import LogitsNetwork, as_token_network
from .minibatch import MinibatchStandardDeviation
from .mlp import mlp, mlp_autoencoder, mlp_vae
from .normalization import GroupNormalization, LayerNormalization
from .patches import patchify, unpatchify
from .pixel_cnn import gated_pixel_cnn, pixel_cnn, pixel_made
from .quantizers import FiniteScalarQuantizer, Quantizer, VectorQuantizer
from .recurrence import Recurrent
from .residual import residual_gan
from .spatial import spatial_autoencoder
from .spectral import SpectralNormalization
from .structure import (
    apply,
    apply_all,
    check_pair,
    check_posterior,
    check_raw_output,
    condition_shape,
    input_shape,
    one_hot,
    output_shape,
)
from .style import (
    EqualizedConvolution,
    EqualizedDense,
    LearnedConstant,
    StyleAverage,
    StyleColours,
    StyleConvolution,
    StyleParts,
    style_gan,
    style_parts,
)
from .text_encoder import TextEncoder, text_encoder
from .text_reader import TextReader
from .tokens import TokenNetwork
from .transformer import CrossAttention, MultiHeadSelfAttention
from .translation import cycle_gan, patch_discriminator, pix2pix
from .unet import unet

__all__ = [
    "BackboneLogits",
    "VerticalStackConv2D",
    "CausalSelfAttention",
    "CrossAttention",
    "DoublingConvolution",
    "Dropout",
    "EqualizedConvolution",
    "EqualizedDense",
    "FiniteScalarQuantizer",
    "FourierEmbedding",
    "Gate",
    "GroupNormalization",
    "LayerNormalization",
    "LearnedConstant",
    "HorizontalStackConv2D",
    "LevelEmbedding",
    "LogitsNetwork",
    "MinibatchStandardDeviation",
    "MultiHeadSelfAttention",
    "OneHotLevels",
    "Part",
    "PositionBias",
    "PositionEmbedding",
    "Quantizer",
    "Recurrent",
    "SelfAttention",
    "SpectralNormalization",
    "StyleAverage",
    "StyleColours",
    "StyleConvolution",
    "StyleParts",
    "TextEncoder",
    "TextReader",
    "TokenNetwork",
    "TransformerBlock",
    "TwoLevels",
    "VectorQuantizer",
    "apply",
    "apply_all",
    "as_token_network",
    "causal_transformer",
    "check_denoiser",
    "check_pair",
    "check_players",
    "check_posterior",
    "check_raw_output",
    "condition_shape",
    "conv_autoencoder",
    "conv_decoder",
    "conv_encoder",
    "conv_features",
    "conv_vae",
    "cycle_gan",
    "dcgan",
    "dit",
    "from_keras_hub",
    "gated_pixel_cnn",
    "input_shape",
    "mlp",
    "mlp_autoencoder",
    "mlp_denoiser",
    "mlp_gan",
    "mlp_two_levels",
    "mlp_vae",
    "one_hot",
    "output_shape",
    "patch_discriminator",
    "patchify",
    "pix2pix",
    "pixel_cnn",
    "pixel_made",
    "projection_logit",
    "recurrent",
    "residual_gan",
    "spatial_autoencoder",
    "style_gan",
    "style_parts",
    "text_encoder",
    "unet",
    "unpatchify",
]
