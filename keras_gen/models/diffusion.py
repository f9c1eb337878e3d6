"""Diffusion and flow matching: a network that denoises, and solvers that sample by it.

Rooms: `networks` (the denoiser), `schedules`, `parameterizations`, `objectives`
(weighting, times), `samplers`.
"""

from ..capabilities import Edits, GeneratesInSteps, Likelihoods
from ..denoising import DenoisingModel
from ..serialization import register


@register
class Diffusion(DenoisingModel, GeneratesInSteps, Edits, Likelihoods):
    """A network that finds the example in a mixture with noise.

    Schedule, parameterization, weighting and times make it DDPM (`Linear`, `Epsilon`),
    EDM (`VarianceExploding`, `Preconditioned`, `LogNormalLevels`), flow matching
    (`RectifiedFlow`, `Velocity`) or what lies between them. Inside, images lie in [-1,
    1] and vectors have mean 0 and deviation 1 per feature, as `fit` finds them.

    Args:
        network: Noisy examples, noise levels `(batch, 1)` and, if it is
            class-conditional, one-hot labels, all zeros for no class, to raw values
            like the examples; such as `networks.unet((28, 28, 1))`. The noise level is
            a quarter of log(sigma / alpha), within [-2, 2].
        schedule: How noise grows; default `Cosine()`.
        parameterization: What the network's output means; default `V()`.
        weighting: How much noise levels count; default all alike.
        times: Which noise levels it is trained on; default all times alike.
        label_dropout: Share of the examples whose class is withheld in training, in
            [0, 1); above 0 samples can be guided.
        ema_decay: Decay of the average of the weights that all but training uses,
            in [0, 1); None for no average.
        sampling: Solver, grid and steps, unless `sample` says otherwise.
        guidance_scale: Strength of guidance, unless `sample` says otherwise; 1 for
            none.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Vectors are standardized by column; of columns far from 0 in float64, as in `Flow`.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the network does not fit, or an argument its range.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020; Karras,
        Aittala, Aila and Laine, "Elucidating the design space of diffusion-based
        generative models", 2022; Lipman et al., "Flow matching for generative
        modeling", 2023; Ho and Salimans, "Classifier-free diffusion guidance", 2022.
    """

    instead = (
        "call sample(n) for new examples, predict_x0(noisy, alpha, sigma) for one call "
        "of the network, encode(x), decode(z), image_to_image(x, ...), "
        "inpaint(x, mask), log_prob(x) or elbo(x) for what it makes of x, and "
        "keras_gen.export.saved_model or tflite to export them."
    )
