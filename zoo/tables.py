"""What the command line prints."""

import sys
from pathlib import Path
from typing import Any


def print_metrics(metrics: dict[str, dict[str, Any]]) -> None:
    """Prints figures with their standard errors."""
    lines = []
    for name, figure in metrics.items():
        error = figure["standard_error"]
        spread = "" if error is None else f"± {error:.2g}"
        value = f"{figure['value']:.4g} {spread}".strip()
        lines.append((name, value, figure["unit"], f"{figure['num_samples']:,}"))
    print_table(("metric", "value", "unit", "examples"), lines)


def print_artifact(path: Path) -> None:
    """Prints what the manifest says of an artifact."""
    from ..export import artifact

    facts = artifact(path)
    print_endpoints(path, facts["endpoints"])
    files = {k: v for k, v in facts["files"].items() if k != facts["reference"]}
    size = sum(file["bytes"] for file in files.values()) / 1024
    print(f"wrote {path} ({size:,.0f} KiB)")


def print_endpoints(path: Path, endpoints: dict[str, dict[str, Any]]) -> None:
    """Prints the figures of an artifact's endpoints."""
    print(path)
    lines = [
        (name, f"{facts['error']:.2g}", f"{facts['latency_ms']:.3f}")
        for name, facts in endpoints.items()
    ]
    print_table(("endpoint", "error against Keras", "latency, ms"), lines)


def print_table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Prints a table without lines."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in header:
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table)


def recipe_table() -> str:
    """The recipes with their measured results, in Markdown, for the README."""
    from .recipe import find, recipe_names

    lines = [
        "| recipe | parameters | epochs | measured on the test split | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in recipe_names():
        recipe = find(name)
        results = ", ".join(f"{k} {v:.2f}" for k, v in recipe.results.items())
        lines.append(
            f"| `{name}` | {recipe.parameters:,} | {recipe.epochs} | {results} | "
            f"{recipe.source} |"
        )
    return "\n".join(lines)
