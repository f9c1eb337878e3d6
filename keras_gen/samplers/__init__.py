"""Samplers: from noise to an example, given a function that denoises."""

from .grids import Grid, Levels, LogSNR, Quadratic, Rho, Uniform, levels
from .program import Denoiser, Program, run
from .solvers import DDIM, DPMSolver2M, Heun, Solver, UniPC

__all__ = [
    "DDIM",
    "DPMSolver2M",
    "Denoiser",
    "Grid",
    "Heun",
    "Levels",
    "LogSNR",
    "Program",
    "Quadratic",
    "Rho",
    "Solver",
    "UniPC",
    "Uniform",
    "levels",
    "run",
]
