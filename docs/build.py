"""Builds the documentation site into build/site: `make docs`.

The pages are the Markdown files of `docs/`, and pages that are made here: one for each
recipe from its own data, the options of the command line from `--help`, the API from
docstrings, the notebooks with their results, the changelog and the design notes. All
are gathered in build/pages, from which Zensical makes the site. Warnings are errors.
`python docs/build.py tables` writes the results of all recipes into docs/zoo.md.
`python docs/build.py colab` writes into each notebook a badge that opens it in Colab,
and lines that install the package there. It needs the address of the repository:
`Repository` of `[project.urls]` in pyproject.toml.
"""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent
DOCS, PAGES, SITE = ROOT / "docs", ROOT / "build/pages", ROOT / "build/site"
FOLDERS = {"keras_gen": "", "zoo": "zoo", "export": "export"}  # of the package
LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?\)")
RECIPE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
EXAMPLE = re.compile(r"^( +)Example:$", re.MULTILINE)
HELP_WIDTH = 100
OTHERS = {  # pages made of files outside of docs/: the part before and after a heading
    "contributing.md": ("CONTRIBUTING.md", None, "## Decisions"),
    "design.md": ("CONTRIBUTING.md", "## Decisions", None),
    "changelog.md": ("CHANGELOG.md", None, None),
}
COLAB = "https://colab.research.google.com"
BADGE = re.compile(rf"\[!\[Open in Colab\]\({COLAB}/\S+\)\]\((\S+)\)\n\n")
INSTALL = """import sys

if "google.colab" in sys.modules:  # install the package, in Colab only
    get_ipython().run_line_magic("pip", "install -q 'keras-gen[cli] @ git+{address}'")

"""
INSTALLED = re.compile(r'^import sys\n\nif "google\.colab" .*?\n\n', re.DOTALL)
MOVED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def main() -> None:
    """Gathers the pages and builds the site."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    content = PAGES / "content"
    for folder, inside in FOLDERS.items():  # what mkdocstrings reads
        target = PAGES / "source/keras_gen" / inside
        ignored = shutil.ignore_patterns("__pycache__", "pretrained")
        shutil.copytree(ROOT / folder, target, ignore=ignored, dirs_exist_ok=True)
    for path in (PAGES / "source").rglob("*.py"):  # the heading that griffe knows
        path.write_text(EXAMPLE.sub(r"\1Examples:", path.read_text("utf-8")), "utf-8")
    shutil.copytree(ROOT / "notebooks/gallery", content / "notebooks/gallery")
    shutil.copy(DOCS / "site.css", content)
    notebooks = write_notebooks(content / "notebooks")
    pages = written_pages() | other_pages() | recipe_pages() | api_pages()
    pages["command_line.md"] += command_help()
    for name, text in pages.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text(text, encoding="utf-8")
    settings = (DOCS / "zensical.toml").read_text(encoding="utf-8")
    for mark, entries in {
        "@zoo": zoo_entries(),
        "@api": [(name[4:-3], name) for name in sorted(api_pages())],
        "@notebooks": notebooks,
    }.items():
        settings = settings.replace(f'"{mark}"', toml(entries))
    (PAGES / "zensical.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=PAGES)
    if done.returncode:
        sys.exit(done.returncode)
    (PAGES / "site").rename(SITE)
    check_offline()
    print(f"wrote {SITE.relative_to(ROOT)}/index.html")


def write_tables() -> None:
    """Writes the two tables of results into docs/zoo.md, in place of those there."""
    from keras_gen.zoo import printing

    text = (DOCS / "zoo.md").read_text(encoding="utf-8")
    for table in (printing.recipe_table(), printing.sample_table()):
        start = text.index(table.splitlines()[0])
        end = text.index("\n\n", start)
        text = text[:start] + table + text[end:]
    (DOCS / "zoo.md").write_text(text, encoding="utf-8")


def repository() -> str | None:
    """The address of the repository, of pyproject.toml, or None if it has none."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["project"].get("urls", {}).get("Repository")


def write_colab() -> None:
    """Writes the badge and the installation into each notebook, without running it."""
    address = repository()
    if address is None:
        sys.exit("pyproject.toml has no Repository in [project.urls].")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        made = with_colab(notebook, path.name, address)
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


def with_colab(notebook: dict, name: str, address: str) -> dict:
    """A notebook with a badge below its title, and an installation in Colab only.

    Args:
        notebook: The parsed notebook. An older badge and installation are replaced.
        name: Name of its file.
        address: Address of the repository at GitHub.
    """
    address = address.rstrip("/").removesuffix(".git")
    at = f"{COLAB}/github/{address.removeprefix('https://github.com/')}"
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
    badge += f"({at}/blob/main/notebooks/{name})\n\n"
    cells = [dict(cell) for cell in notebook["cells"]]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    title, rest = BADGE.sub("", "".join(cells[0]["source"])).split("\n\n", 1)
    code = INSTALLED.sub("", "".join(first["source"]))
    cells[0]["source"] = f"{title}\n\n{badge}{rest}".splitlines(keepends=True)
    install = INSTALL.replace("{address}", address)
    first["source"] = (install + code).splitlines(keepends=True)
    return notebook | {"cells": cells}


def toml(entries: list[tuple[str, "str | list"]]) -> str:
    """Entries of the navigation, to be inserted into an array of TOML."""
    return ", ".join(
        f"{{ {json.dumps(title)} = "
        f"{json.dumps(to) if isinstance(to, str) else f'[{toml(to)}]'} }}"
        for title, to in entries
    )


def written_pages() -> dict[str, str]:
    """The Markdown files of docs/, with the links of the site."""
    pages = {}
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        pages[name] = with_links(path.read_text(encoding="utf-8"), path, name)
    pages["zoo.md"] = RECIPE.sub(recipe_link, pages["zoo.md"])
    return pages


def recipe_link(match: re.Match[str]) -> str:
    """The first cell of a row, with a link if it names a recipe and not data."""
    known = (ROOT / f"zoo/recipes/{match[1]}.py").is_file()
    return f"| [`{match[1]}`](zoo/{match[1]}.md) |" if known else match[0]


def with_links(text: str, path: Path, page: str) -> str:
    """The text of a file, with links to files outside of docs/ as the site has them.

    Args:
        text: Markdown.
        path: The file that the text is from.
        page: The page that it becomes.

    Raises:
        FileNotFoundError: If a link leads to a file that does not exist.
    """

    def moved(match: re.Match[str]) -> str:
        target = (path.parent / match[2]).resolve()
        if not target.exists():
            raise FileNotFoundError(f"{path.relative_to(ROOT)}: {match[2]}")
        if target.is_relative_to(DOCS):
            to = target.relative_to(DOCS).as_posix()
        else:
            to = target.relative_to(ROOT).as_posix()
            to = MOVED.get(to, to.removesuffix(".ipynb") + ".md" * (".ipynb" in to))
        here = os.path.relpath(to, Path(page).parent).replace(os.sep, "/")
        return f"{match[1]}{here}{match[3] or ''})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(p if p.startswith("```") else LINK.sub(moved, p) for p in parts)


def other_pages() -> dict[str, str]:
    """Pages of files, or parts of files, outside of docs/."""
    pages = {}
    for page, (name, start, stop) in OTHERS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        if stop:
            text = text[: text.index(stop)]
        if start:
            text = text[text.index(start) + len(start) :].replace("\n### ", "\n## ")
            text = "# Design notes\n\nWhat was decided, and why.\n" + text
        pages[page] = with_links(text, ROOT / name, page)
    return pages


def recipe_pages() -> dict[str, str]:
    """A page for each recipe, from its own data."""
    from keras_gen.zoo import find_recipe, recipe_names

    return {f"zoo/{n}.md": recipe_page(n, find_recipe(n)) for n in recipe_names()}


def recipe_page(name: str, recipe) -> str:  # noqa: ANN001
    """The page of a recipe: what it is, its figures, samples, and its source."""
    from keras_gen.zoo import recipes, store

    weights = Path(store.__file__).parent / "pretrained" / f"{name}.keras"
    published = weights.is_file()
    facts = {
        "Family": recipe.family,
        "Data": f"`{recipe.data}`",
        "Source": recipe.source,
        "Trained weights": f"{recipe.parameters:,}",
        "Epochs": " + ".join(f"{s.epochs} ({s.name})" for s in recipe.plan)
        if len(recipe.plan) > 1
        else str(recipe.epochs),
        "Batch size": str(recipe.batch_size),
        "Seed": str(recipe.seed),
        "Published weights": f"{weights.stat().st_size / 1e6:.2f} MB, in the package"
        if published
        else "no: train it first",
    }
    lines = [f"# {name}", "", "| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in facts.items()]
    train = f"keras-gen train {name} --out runs/{name}"
    lines += ["", "## Use it", "", "```sh"]
    if published:
        lines += [f"keras-gen evaluate {name}", f"keras-gen show {name}", train]
    else:
        lines += [train, f"keras-gen evaluate runs/{name}"]
    place = name if published else f"runs/{name}"
    lines += ["```", "", "```python", "from keras_gen import zoo", ""]
    lines += [f'model = zoo.load("{place}")', "```"]
    picture = ROOT / f"notebooks/gallery/{name}.png"
    if picture.is_file():
        lines += ["", "## Samples", ""]
        lines += [f"![Samples of {name}](../notebooks/gallery/{name}.png)"]
    lines += ["", "## Figures", ""]
    if recipe.results:
        lines += [
            f"Measured on the test split of `{recipe.data}` by `{train}` with the "
            f"seed {recipe.seed}. A run that ends outside of the interval is an error. "
            "[The zoo](../zoo.md) says what each figure means.",
            "",
            "| figure | value | interval of a run |",
            "| --- | --- | --- |",
        ]
        for figure, value in recipe.results.items():
            interval = recipe.expected.get(figure)
            shown = f"{interval[0]:g} to {interval[1]:g}" if interval else ""
            lines += [f"| `{figure}` | {value} | {shown} |"]
    else:
        lines += [
            f"None: the data `{recipe.data}` have to be obtained from their publisher, "
            "and this recipe was not measured here."
        ]
    module = sys.modules[f"{recipes.__name__}.{name}"]
    return "\n".join(
        [*lines, "", "## How it is built", "", "```python"]
        + [inspect.getsource(module).rstrip(), "```", ""]
    )


def zoo_entries() -> list[tuple[str, list[tuple[str, str]]]]:
    """The recipes in the navigation, by family."""
    from keras_gen.zoo import find_recipe, recipe_names

    families: dict[str, list[tuple[str, str]]] = {}
    for name in recipe_names():
        family = find_recipe(name).family
        family = family[0].upper() + family[1:]
        families.setdefault(family, []).append((name, f"zoo/{name}.md"))
    return sorted(families.items(), key=lambda item: item[0].lower())


def command_help() -> str:
    """What `keras-gen COMMAND --help` prints, for each command."""
    import typer

    from keras_gen.zoo.cli import app

    group = typer.main.get_command(app)
    above = typer.Context(group, info_name="keras-gen", terminal_width=HELP_WIDTH)
    parts = []
    for name, command in group.commands.items():  # pyright: ignore
        context = typer.Context(
            command, parent=above, info_name=name, terminal_width=HELP_WIDTH
        )
        lines = (line.rstrip() for line in command.get_help(context).splitlines())
        shown = "\n".join(lines).strip()
        parts.append(f"\n## keras-gen {name}\n\n```text\n{shown}\n```\n")
    return "".join(parts)


def api_pages() -> dict[str, str]:
    """A page for each public module, and one for the names of `keras_gen` itself."""
    tree = ast.parse((ROOT / "keras_gen/__init__.py").read_text(encoding="utf-8"))
    assigned = {
        ast.unparse(node.targets[0]): node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    modules = ast.literal_eval(assigned["_MODULES"])
    homes = ast.literal_eval(assigned["_HOMES"])
    lines = ["# keras_gen", "", opening(tree), ""]
    lines += ["| name | what |", "| --- | --- |"]
    for name, home in sorted(homes.items()):
        lines.append(f"| [`{name}`][keras_gen.{home}.{name}] | `keras_gen.{home}` |")
    lines.append("")
    for name, home in sorted(homes.items()):
        if home not in modules:
            lines += [f"::: keras_gen.{home}.{name}", ""]
    pages = {"api/keras_gen.md": "\n".join(lines)}
    for module in modules:
        place = ROOT / module if module in FOLDERS else ROOT / "keras_gen" / module
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        lines = [f"# keras_gen.{module}", "", opening(tree), ""]
        for name in public_names(tree, file.parent):
            lines += [f"::: keras_gen.{module}.{name}", ""]
        pages[f"api/{module}.md"] = "\n".join(lines)
    return pages


def opening(tree: ast.Module) -> str:
    """The docstring of a module, with its example as a block of code."""
    text, _, example = (ast.get_docstring(tree) or "").partition("\nExample:\n")
    if not example:
        return text
    return f"{text}\n\n```pycon\n{textwrap.dedent(example).strip()}\n```"


def public_names(tree: ast.Module, folder: Path) -> list[str]:
    """The classes and functions that a module offers: of `__all__`, or its own.

    Args:
        tree: The module.
        folder: The folder of the modules from which it imports names.
    """
    kinds = (ast.ClassDef, ast.FunctionDef)
    own = [node.name for node in tree.body if isinstance(node, kinds)]
    listed, constants = [name for name in own if not name.startswith("_")], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = ast.literal_eval(node.value)
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            source = folder / f"{node.module}.py"
            if not source.is_file():  # a package, which has classes and functions
                continue
            body = ast.parse(source.read_text(encoding="utf-8")).body
            defined = {part.name for part in body if isinstance(part, kinds)}
            constants |= {
                n.asname or n.name for n in node.names if n.name not in defined
            }
    return [name for name in listed if name not in constants]


def write_notebooks(folder: Path) -> list[tuple[str, str]]:
    """The notebooks as pages with their stored results, and their titles."""
    import nbconvert

    entries = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        exporter = nbconvert.MarkdownExporter()
        name = path.stem
        text, more = exporter.from_filename(
            str(path), {"output_files_dir": f"{name}_files"}
        )
        for file, content in more["outputs"].items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        text = BADGE.sub(r"[Open in Colab](\1)\n\n", text)  # without the picture
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        title = text.strip().splitlines()[0].lstrip("# ")
        entries.append((title, f"notebooks/{name}.md"))
    return entries


def check_offline() -> None:
    """Fails if a page would fetch a script, style or font from another place."""
    fetched = re.compile(r'<(?:script|link)[^>]+(?:src|href)="?(https?://[^">\s]+)')
    for path in sorted(SITE.rglob("*.html")):
        for link in fetched.findall(path.read_text(encoding="utf-8")):
            sys.exit(f"{path.relative_to(ROOT)} fetches {link}")


if __name__ == "__main__":
    {"tables": write_tables, "colab": write_colab}.get("".join(sys.argv[1:]), main)()
