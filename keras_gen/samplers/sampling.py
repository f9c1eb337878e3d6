"""The sampling settings of a model: solver, grid and number of steps."""

import dataclasses
import difflib
from typing import Any, cast

import numpy as np

from ..schedules import Schedule
from ..serialization import value
from ..validation import check_count, check_type
from .grids import Angles, Grid, Levels, LogSNR
from .program import Program
from .solvers import DDIM, DPMSolver2M, Heun, Renoising, Solver, UniPC

SOLVERS = {
    "ddim": DDIM(),
    "ddpm": DDIM(eta=1.0),
    "dpm++2m": DPMSolver2M(),
    "dpm++2m_sde": DPMSolver2M(stochastic=True),
    "euler": DDIM(),
    "heun": Heun(),
    "unipc": UniPC(),
}


@value
class Sampling:
    """A solver on a grid of noise levels.

    Attributes:
        solver: A solver or its name: "ddim", "ddpm" (ancestral), "dpm++2m",
            "dpm++2m_sde", "euler", "heun" or "unipc".
        grid: The noise levels of the steps.
        num_steps: Number of steps, > 0. Each step calls the network once, or twice for
            `Heun`.

    Raises:
        TypeError: If `solver` or `grid` has the wrong type.
        ValueError: If the solver's name is unknown, or if a number is out of range.

    Example:
        >>> grid = kg.samplers.KarrasGrid()
        >>> sampling = kg.samplers.Sampling("heun", grid, num_steps=8)
        >>> network = kg.networks.mlp_denoiser((2,), units=(8,))
        >>> model = kg.Diffusion(network, sampling=sampling)
        >>> sampling.program(model.schedule).calls
        15
    """

    solver: Solver | str = "dpm++2m"
    grid: Grid = LogSNR()
    num_steps: int = 20

    def __post_init__(self) -> None:
        if isinstance(self.solver, str):
            object.__setattr__(self, "solver", solver_named(self.solver))
        check_type(self.solver, Solver, "solver")
        check_type(self.grid, Grid, "grid")
        check_count(self.num_steps, "num_steps")

    def changed(self, **given: Any) -> "Sampling":
        """A copy with the given fields that are not None."""
        given = {name: v for name, v in given.items() if v is not None}
        return dataclasses.replace(self, **given)

    def program(
        self, schedule: Schedule, strength: float = 1.0, lowest: float | None = None
    ) -> Program:
        """The program from noise to clean examples.

        Args:
            schedule: The noise schedule.
            strength: Share of the last steps to run, in (0, 1].
            lowest: Log signal-to-noise ratio below which no step is long; see `Grid`.
        """
        levels = self.grid(schedule, self.num_steps, lowest)
        gone = max(1, round(strength * self.num_steps))
        solver = cast(Solver, self.solver)  # see `__post_init__`
        return solver(Levels(*(c[self.num_steps - gone :] for c in levels)), schedule)

    def levels_to_noise(
        self, schedule: Schedule, lowest: float | None = None
    ) -> Levels:
        """The levels from the grid's cleanest noisy level to its noisiest.

        Args:
            schedule: The noise schedule.
            lowest: As in `program`.

        Raises:
            ValueError: If there is only one step.
        """
        check_count(self.num_steps, "num_steps", least=2)
        levels = self.grid(schedule, self.num_steps, lowest)
        return Levels(*(np.flip(c[:-1]) for c in levels))


def few_steps(num_steps: int = 2) -> Sampling:
    """The sampling of a `Consistency` model: `Renoising` on `Angles`.

    Args:
        num_steps: Number of steps, > 0.

    Example:
        >>> kg.samplers.few_steps(2).program(kg.schedules.Cosine()).calls
        2
    """
    return Sampling(Renoising(), Angles(), num_steps)


def solver_named(name: str) -> Solver:
    """Returns the solver with a name.

    Raises:
        ValueError: If the name is unknown. The message suggests the nearest one.

    Example:
        >>> kg.samplers.solver_named("ddim")
        DDIM(eta=0.0)
    """
    if name in SOLVERS:
        return SOLVERS[name]
    near = difflib.get_close_matches(name.lower(), SOLVERS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"solver must be one of {', '.join(SOLVERS)}, received {name!r}.{hint}"
    )
