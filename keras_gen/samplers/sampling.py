"""How a model samples: a solver, its grid and the number of steps."""

import dataclasses
import difflib
from typing import Any, cast

import numpy as np

from ..schedules import Schedule
from ..serialization import value
from ..validation import check_count, check_type
from .grids import Grid, Levels, LogSNR
from .program import Program
from .solvers import DDIM, DPMSolver2M, Heun, Solver, UniPC

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
        grid: Where the steps are.
        num_steps: Number of steps, > 0; each calls the network once, of `Heun` twice.

    Raises:
        TypeError: If the solver or the grid is none.
        ValueError: If there is no solver of that name, or a number is out of range.
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
        """The same with the fields that are given and not None."""
        given = {name: v for name, v in given.items() if v is not None}
        return dataclasses.replace(self, **given)

    def program(
        self, schedule: Schedule, strength: float = 1.0, lowest: float | None = None
    ) -> Program:
        """From noise to clean examples.

        Args:
            schedule: What gives a time its noise level.
            strength: Share of the steps that are gone, the last ones, in (0, 1].
            lowest: Log signal-to-noise ratio below which no step is long; see `Grid`.
        """
        levels = self.grid(schedule, self.num_steps, lowest)
        gone = max(1, round(strength * self.num_steps))
        solver = cast(Solver, self.solver)  # see `__post_init__`
        return solver(Levels(*(c[self.num_steps - gone :] for c in levels)), schedule)

    def levels_to_noise(
        self, schedule: Schedule, lowest: float | None = None
    ) -> Levels:
        """From the cleanest noisy level of the grid to its noisiest.

        Args:
            schedule: What gives a time its noise level.
            lowest: As in `program`.

        Raises:
            ValueError: If there is a single step.
        """
        check_count(self.num_steps, "num_steps", least=2)
        levels = self.grid(schedule, self.num_steps, lowest)
        return Levels(*(np.flip(c[:-1]) for c in levels))


def solver_named(name: str) -> Solver:
    """The solver of a name.

    Raises:
        ValueError: If there is none; the message names the nearest.
    """
    if name in SOLVERS:
        return SOLVERS[name]
    near = difflib.get_close_matches(name.lower(), SOLVERS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"solver {name!r} is unknown.{hint} There are {', '.join(SOLVERS)}."
    )
