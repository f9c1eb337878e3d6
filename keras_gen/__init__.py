"""Generative models for Keras users, trained by `fit`, exported to servers and phones.

Example:
    >>> import keras_gen as kg
    >>> encoder, decoder = kg.networks.mlp_vae((28, 28, 1), latent_dim=20)
    >>> model = kg.VAE(encoder, decoder)
    >>> model.compile()
    >>> model.sample(16, seed=0).shape
    (16, 28, 28, 1)
"""

import importlib
import os
import sys
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Autoencoder": "models",
    "Autoregressive": "models",
    "Classifier": "models",
    "Consistency": "models",
    "CycleGAN": "models",
    "Diffusion": "models",
    "Flow": "models",
    "GAN": "models",
    "Latent": "models",
    "Pix2Pix": "models",
    "PixelAutoregressive": "models",
    "Restorer": "models",
    "TextVAE": "models",
    "VAE": "models",
    "VQVAE": "models",
    "FiniteScalarQuantizer": "networks",
    "VectorQuantizer": "networks",
    "Bernoulli": "distributions",
    "Categorical": "distributions",
    "DiscretizedLogistic": "distributions",
    "DiscretizedLogisticMixture": "distributions",
    "Gaussian": "distributions",
    "GaussianMixture": "distributions",
    "LearnedGaussian": "distributions",
    "MixedColumns": "distributions",
    "StandardNormal": "distributions",
    "TwoLevelPosterior": "distributions",
    "TwoLevelPrior": "distributions",
    "VampPrior": "distributions",
    "ELBO": "objectives",
    "IWAE": "objectives",
    "MaximumMeanDiscrepancy": "objectives",
    "TotalCorrelation": "objectives",
    "AdaptiveAugmentation": "objectives",
    "Contractive": "objectives",
    "DifferentiableAugmentation": "objectives",
    "KLSparsity": "objectives",
    "L1Sparsity": "objectives",
    "LowResolution": "objectives",
    "RandomShift": "objectives",
    "SaltAndPepper": "objectives",
    "MixedError": "objectives",
    "SquaredError": "objectives",
    "StochasticBinarization": "objectives",
    "AuxiliaryClassifier": "objectives",
    "DRAGAN": "objectives",
    "GradientPenalty": "objectives",
    "InfoGAN": "objectives",
    "LeastSquares": "objectives",
    "Minimax": "objectives",
    "NonSaturating": "objectives",
    "R1": "objectives",
    "R2": "objectives",
    "RelativisticPairing": "objectives",
    "Wasserstein": "objectives",
    "WeightClipping": "objectives",
    "LogNormalLevels": "objectives",
    "LogitNormalTimes": "objectives",
    "MinSNR": "objectives",
    "SigmoidWeighting": "objectives",
    "UniformTimes": "objectives",
    "UniformWeighting": "objectives",
    "VelocityWeighting": "objectives",
    "GenerativeModel": "model",
    "LatentGame": "games",
    "Player": "players",
    "FeatureLoss": "perceptual",
    "PatchGame": "games",
    "Unpaired": "engine.examples",
    "LatentSpace": "editing",
    "impute": "imputing",
    "latent_directions": "editing",
    "project": "editing",
}
_MODULES = (
    "bijectors",
    "callbacks",
    "capabilities",
    "distributions",
    "export",
    "metrics",
    "models",
    "networks",
    "objectives",
    "parameterizations",
    "pictures",
    "random",
    "rows",
    "samplers",
    "schedules",
    "specs",
    "texts",
    "tokenizers",
    "zoo",
)
__all__ = sorted((*_HOMES, *_MODULES))  # pyright: ignore[reportUnsupportedDunderAll]

# In a checkout, `keras_gen.zoo` and `keras_gen.export` are folders beside this one.
_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if all(os.path.exists(os.path.join(_root, n)) for n in ("pyproject.toml", "zoo")):
    __path__.append(_root)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _check_backend() -> None:
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend == "tensorflow" or "keras" in sys.modules:
        try:
            import keras

            backend = keras.config.backend()
        except ModuleNotFoundError as error:
            if error.name not in ("jax", "torch"):
                raise
            backend = error.name  # chosen in keras.json, and not installed
    if backend != "tensorflow":
        raise ImportError(
            "keras_gen needs the TensorFlow backend: set KERAS_BACKEND=tensorflow "
            f"before the first import of keras (it is {backend!r})."
        )


def _is_command_line() -> bool:
    """Whether this process is `keras-gen`, whose `--help` needs no TensorFlow."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    as_module = sys.orig_argv[1:2] == ["-m"] and "keras_gen.zoo" in sys.orig_argv[2]
    return as_module or program in ("keras-gen", "keras-gen.exe")


if not _is_command_line():
    # Importing the models registers their classes, and those of tokenizers, so that
    # keras.saving.load_model finds them.
    _check_backend()
    importlib.import_module(f"{__name__}.models")
