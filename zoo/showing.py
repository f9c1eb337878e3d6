"""A preset or recipe in words: what it takes, its sizes, and its settings."""

from typing import Any

from .preset import DEFAULT_SIZE, LEAST_BATCH, SIZES, Preset
from .recipe import find
from .settings import shown


def facts_of(name: str) -> dict[str, Any]:
    """Facts about a preset or recipe, for JSON; `shown` holds them as texts.

    Args:
        name: Its name.
    """
    recipe = find(name)
    facts: dict[str, Any] = {"name": name, "family": recipe.family}
    facts |= {"source": recipe.source, "batch_size": recipe.batch_size}
    facts["seed"] = recipe.seed
    facts["epochs"] = {stage.name: stage.epochs for stage in recipe.plan}
    texts = {"source": recipe.source, "batch size": f"{recipe.batch_size}"}
    texts["epochs"] = " + ".join(map(str, facts["epochs"].values()))
    texts["seed"] = str(recipe.seed)
    if isinstance(recipe, Preset):
        facts |= {"kind": "preset", "takes": [*recipe.kinds], "sizes": SIZES}
        sizes = [
            f"{size} (width {width}{', the default' * (size == DEFAULT_SIZE)})"
            for size, width in SIZES.items()
        ]
        kind = {"takes": ", ".join(recipe.kinds), "sizes": ", ".join(sizes)}
        texts["batch size"] += f", or fewer of few data: at least {LEAST_BATCH}"
        if least := recipe.least_steps:
            texts["epochs"] += f", or more of few data: {least:,} steps at least"
    else:
        results = dict(recipe.results)
        facts |= {"kind": "recipe", "data": recipe.data, "results": results}
        facts["parameters"] = recipe.parameters
        kind = {"data": recipe.data, "parameters": f"{recipe.parameters:,}"}
        texts["results"] = ", ".join(f"{k} {v:g}" for k, v in results.items())
    facts["settings"] = {
        one.name: {
            "default": one.default,
            "takes": one.expected,
            "meaning": one.meaning,
        }
        for one in recipe.settings.values()
    }
    named = f"{name}, a {facts['kind']}"
    facts["shown"] = {"name": named, "family": recipe.family, **kind, **texts}
    return facts


def setting_rows(name: str) -> list[tuple[str, str, str, str]]:
    """The settings, one line each: name, default, allowed values, meaning."""
    return [
        (one.name, shown(one.default), one.expected, meaning_of(one))
        for one in find(name).settings.values()
    ]


def meaning_of(setting: Any) -> str:
    """The meaning of a setting, and the data that it is for."""
    owner = {"images": " (Images, series, clips.)", "others": " (Vectors, tables.)"}
    return setting.meaning + owner.get(setting.of, "")
