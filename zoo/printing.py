"""The tables that the command line prints."""

import sys
from pathlib import Path
from typing import Any

WIDTH = 400  # characters of a line that goes to a file or another program
SAMPLE_FIGURES = (
    *("frechet_distance", "kernel_distance", "precision", "recall"),
    *("density", "coverage", "memorization"),
)


def print_metrics(
    metrics: dict[str, dict[str, Any]], num_held_out: int | None = None
) -> None:
    """Prints figures with their standard errors, and the figures of real examples.

    Args:
        metrics: Figures by name.
        num_held_out: Number of held-out examples, to explain why there are no figures.
    """
    if not metrics:
        from .evaluation import FEWEST_EXAMPLES

        received = "" if num_held_out is None else f", received {num_held_out}"
        print(
            "no figures: samples are compared with held-out examples, at least "
            f"{FEWEST_EXAMPLES}{received}"
        )
        return
    header = ["metric", "value", "real", "unit", "examples"]
    columns = [*zip(*(_cells(*item) for item in metrics.items()), strict=True)]
    kept = [i for i, column in enumerate(columns) if any(column)]
    lines = list(zip(*(columns[i] for i in kept), strict=True))
    print_table(tuple(header[i] for i in kept), lines)
    _print_extractors(metrics)


def print_comparison(columns: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Prints the figures of several models side by side."""
    first_of = {
        k: v for column in list(columns.values())[::-1] for k, v in column.items()
    }
    names = dict.fromkeys(name for column in columns.values() for name in column)
    lines = [
        (
            name,
            *(value_of(c[name]) if name in c else "" for c in columns.values()),
            *_cells(name, first_of[name])[2:4],
        )
        for name in names
    ]
    print_table(("metric", *columns, "real", "unit"), lines)
    _print_extractors(first_of)


def value_of(figure: dict[str, Any]) -> str:
    """The value of a figure with its standard error."""
    value, error = figure["value"], figure["standard_error"]
    if error is None:
        return f"{value:.4g}"
    return f"{value:.4g} ± {error:.2g}"


def _print_extractors(metrics: dict[str, dict[str, Any]]) -> None:
    extractors = {f["extractor"] for f in metrics.values() if f.get("extractor")}
    for extractor in sorted(extractors):
        print(f"features: {extractor}")


def _cells(name: str, figure: dict[str, Any]) -> tuple[str, ...]:
    reference = figure.get("reference")
    real = "" if reference is None else f"{reference:.4g}"
    count = f"{figure['num_samples']:,}"
    return name, value_of(figure), real, figure["unit"], count


def print_artifact(path: Path) -> None:
    """Prints the manifest's figures of an artifact."""
    from ..export import artifact

    facts = artifact(path)
    print_endpoints(path, facts["endpoints"])
    size = sum(file["bytes"] for file in facts["files"].values()) / 1024
    print(f"wrote {path} ({size:,.0f} KiB)")


def print_endpoints(path: Path, endpoints: dict[str, dict[str, Any]]) -> None:
    """Prints the figures of an artifact's endpoints."""
    print(path)
    errors = ("mean_error", "p999_error", "error")
    lines = [
        (name, *(f"{facts[key]:.2g}" for key in errors), f"{facts['latency_ms']:.3f}")
        for name, facts in endpoints.items()
    ]
    header = ("mean error against Keras", "99.9th percentile", "worst", "latency, ms")
    print_table(("endpoint", *header), lines)


def print_table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Prints a table without lines."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in header:
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*line)
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(table)


def recipe_table() -> str:
    """The recipes with their measured results, in Markdown, for docs/zoo.md."""
    from .recipe import find, recipe_names

    lines = [
        "| recipe | parameters | epochs | measured on the test split | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in recipe_names():
        recipe = find(name)
        if not recipe.results:  # its data are not at hand
            continue
        results = ", ".join(
            f"{k} {v}" for k, v in recipe.results.items() if k not in SAMPLE_FIGURES
        )
        epochs = " + ".join(str(stage.epochs) for stage in recipe.plan)
        lines.append(
            f"| `{name}` | {recipe.parameters:,} | {epochs} | {results} | "
            f"{recipe.source} |"
        )
    return "\n".join(lines)


def sample_table() -> str:
    """The figures of the recipes' samples, in Markdown, for docs/zoo.md."""
    from .recipe import find, recipe_names

    header = ("recipe", *SAMPLE_FIGURES)
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    for name in recipe_names():
        results = find(name).results
        if SAMPLE_FIGURES[0] in results:
            values = " | ".join(f"{results[k]}" for k in SAMPLE_FIGURES)
            lines.append(f"| `{name}` | {values} |")
    return "\n".join(lines)
