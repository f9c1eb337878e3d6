"""Samplers: from noise to an example, with a function that denoises."""

from .density import log_density
from .grids import (
    HIGHEST,
    LOWEST,
    NOISIEST,
    Angles,
    Grid,
    KarrasGrid,
    Levels,
    LogSNR,
    Quadratic,
    Uniform,
    levels,
    log_snr_range,
)
from .noise_level import noise_level
from .program import Denoiser, Program, Row, run
from .sampling import SOLVERS, Sampling, few_steps, solver_named
from .solvers import DDIM, DPMSolver2M, Heun, Renoising, RePaint, Solver, UniPC, steps

__all__ = [
    "HIGHEST",
    "LOWEST",
    "NOISIEST",
    "Angles",
    "DDIM",
    "DPMSolver2M",
    "Denoiser",
    "Grid",
    "Heun",
    "Levels",
    "LogSNR",
    "Program",
    "Quadratic",
    "KarrasGrid",
    "RePaint",
    "Renoising",
    "Row",
    "SOLVERS",
    "Sampling",
    "Solver",
    "UniPC",
    "Uniform",
    "few_steps",
    "levels",
    "log_density",
    "log_snr_range",
    "noise_level",
    "run",
    "solver_named",
    "steps",
]
