"""Samplers: from noise to an example, with a function that denoises."""

from .density import log_density
from .grids import (
    HIGHEST,
    LOWEST,
    Grid,
    KarrasGrid,
    Levels,
    LogSNR,
    Quadratic,
    Uniform,
    levels,
    log_snr_range,
)
from .missing import Target, draw_missing
from .noise_level import noise_level
from .program import Denoiser, Program, run
from .sampling import SOLVERS, Sampling, solver_named
from .solvers import DDIM, DPMSolver2M, Heun, RePaint, Solver, UniPC

__all__ = [
    "HIGHEST",
    "LOWEST",
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
    "SOLVERS",
    "Sampling",
    "Solver",
    "Target",
    "UniPC",
    "Uniform",
    "draw_missing",
    "levels",
    "log_density",
    "log_snr_range",
    "noise_level",
    "run",
    "solver_named",
]
