"""The pages run as they are printed, and their links, names and commands exist."""

import ast
import importlib.util
import inspect
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import keras_gen as kg
from keras_gen.engine import loop
from keras_gen.zoo import cli, find_recipe

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DEVICES = "distributed.md"  # its program needs several processes
LONGEST_README = 150
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TASKS = {path for path in (DOCS / "tasks").glob("*.md") if path.name != "index.md"}


@pytest.fixture(scope="module")
def build():
    """The module `docs/build.py`."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed(entries):
    """The pages of the navigation, and the marks of those that are made."""
    for entry in entries:
        if isinstance(entry, dict):
            (entry,) = entry.values()
        yield from listed(entry) if isinstance(entry, list) else [entry]


def shown_commands():
    """Each command that is shown and not run, in a block or a table, with its page."""
    for page in (*PAGES, "../README.md"):
        text = (DOCS / page).read_text()
        shown = [code for kind, code in BLOCK.findall(text) if kind == "sh"]
        lines = [line for code in shown for line in code.splitlines()]
        lines += re.findall(r"`(keras-gen [a-z]+ [^`]+)`", BLOCK.sub("", text))
        for line in dict.fromkeys(lines):
            if line.startswith("keras-gen ") and not re.search(r"--help|\[", line):
                yield page, line


class Shell:
    """The part of IPython's shell that runs magics; notes them in a list."""

    def __init__(self, calls):
        self.calls = calls

    def run_line_magic(self, *call):
        self.calls.append(call)


def leads_to(page):
    """The files to which a page links."""
    links = re.findall(r"\]\(([^)#\s:]+)", page.read_text())
    return {(page.parent / link).resolve() for link in links}


def hidden_names(code):
    """Names in a program, such as kg.specs.Images, that the package does not offer.

    Args:
        code: Python that names the package `kg`, its modules as they are imported.
    """
    tree, homes = ast.parse(code), {"kg": kg}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("keras_gen"):
            home = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names):
                yield from [name] * (name not in offered(home))
                homes |= {name: getattr(home, name, None)}
    for node in ast.walk(tree):
        path = ast.unparse(node).split(".") if isinstance(node, ast.Attribute) else [""]
        home = homes.get(path[0])
        for name in path[1:] if all(map(str.isidentifier, path)) else []:
            if not inspect.ismodule(home):
                break
            yield from [ast.unparse(node)] * (name not in offered(home))
            home = getattr(home, name, None)


def offered(module):
    """The public names of a module: of `__all__`, or those that it defines."""
    listed = getattr(module, "__all__", None)
    own = {n for n, v in vars(module).items() if inspect.getmodule(v) is module}
    return listed or {name for name in own if not name.startswith("_")}


def test_the_navigation_lists_every_page_once(build):
    settings = tomllib.loads((DOCS / "zensical.toml").read_text())["project"]
    made = {"@zoo", "@api", "@notebooks", *build.OTHERS}
    assert sorted(listed(settings["nav"])) == sorted({*PAGES, *made})


def test_links_lead_to_files(build):
    pages = build.written_pages() | build.other_pages()
    assert "](zoo/vae_digits.md)" in pages["zoo.md"]
    assert "](zoo/diamonds.md)" not in pages["zoo.md"]
    assert "](contributing.md)" in pages["extending.md"]
    assert "](../notebooks/03_gan.md)" in pages["guides/gans.md"]
    build.with_links((ROOT / "README.md").read_text(), ROOT / "README.md", "index.md")
    with pytest.raises(FileNotFoundError, match="x.md: absent.md"):
        build.with_links("[a](absent.md)", DOCS / "x.md", "x.md")


def test_blocks_say_whether_they_run():
    texts = [(DOCS / page).read_text() for page in PAGES]
    kinds = {kind for text in texts for kind, _ in BLOCK.findall(text)}
    assert kinds == {"", "python", "sh", "js", "text"}


def test_commands_that_are_shown_have_these_options():
    group = typer.main.get_command(cli.app)
    above = typer.Context(group, info_name="keras-gen")
    for page, line in shown_commands():
        command, *options = shlex.split(line, comments=True)[1:]
        try:
            group.commands[command].make_context(command, options, parent=above)
        except Exception as error:
            raise AssertionError(f"{page}: {line}") from error


def test_a_recipe_page_has_its_figures_and_their_command(build):
    page = build.recipe_page("vae_digits", find_recipe("vae_digits"))
    assert "| `elbo` | -88.64 | -90 to -87 |" in page
    assert "keras-gen train vae_digits --out runs/vae_digits" in page
    assert 'zoo.load("vae_digits")' in page
    assert "likelihood = kg.DiscretizedLogistic(levels=17)" in page
    unmeasured = build.recipe_page("maf_power", find_recipe("maf_power"))
    assert "was not measured here" in unmeasured


def test_the_api_has_every_public_module(build):
    pages = build.api_pages()
    assert "::: keras_gen.models.VAE" in pages["api/models.md"]
    assert "::: keras_gen.zoo.load_data" in pages["api/zoo.md"]
    assert "::: keras_gen.schedules.Cosine" in pages["api/schedules.md"]
    assert all("\n::: " in text for text in pages.values())
    assert "[`VAE`][keras_gen.models.VAE]" in pages["api/keras_gen.md"]
    assert "::: keras_gen.imputing.impute" in pages["api/keras_gen.md"]


def test_the_command_line_page_has_what_help_prints(build):
    text = build.command_help()
    assert "## keras-gen train\n" in text
    assert "--image-size" in text.split("## keras-gen train\n")[1].split("## ")[0]
    assert max(map(len, text.splitlines())) <= build.HELP_WIDTH


def test_the_readme_is_a_screen():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"])
def test_every_task_is_at_most_two_clicks_away(page):
    direct = leads_to(page)
    further = {to for one in direct if one.suffix == ".md" for to in leads_to(one)}
    assert direct | further >= TASKS


def test_a_hidden_name_is_found():
    code = "from keras_gen.samplers import Row, times_of\nkg.specs.Noise, kg.specs.LOG2"
    assert list(hidden_names(code)) == ["times_of", "kg.specs.LOG2"]


@pytest.mark.parametrize("page", [*PAGES, "../README.md"])
def test_programs_use_public_names(page):
    blocks = BLOCK.findall((DOCS / page).read_text())
    code = "\n".join(code for kind, code in blocks if kind == "python")
    assert list(hidden_names(code)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_in_colab_at_the_address_of_the_repository(build, path):
    notebook, address = json.loads(path.read_text()), build.repository()
    if address is None:
        assert "colab.research.google.com" not in path.read_text()
    else:
        assert build.with_colab(notebook, path.name, address) == notebook


@pytest.mark.parametrize("in_colab", [False, True])
def test_only_colab_installs_the_package(build, in_colab, monkeypatch):
    path, calls = NOTEBOOKS[0], []
    plain = json.loads(path.read_text())
    address = "https://github.com/someone/some.thing"
    made = build.with_colab(plain, path.name, address + ".git")
    assert build.with_colab(made, path.name, address) == made
    assert build.with_colab(made, path.name, "https://github.com/a/b") != made
    title, badge, *_ = "".join(made["cells"][0]["source"]).split("\n\n")
    assert title == "# Autoencoders"
    place = f"/github/someone/some.thing/blob/main/notebooks/{path.name})"
    assert badge.endswith(f"({build.COLAB}{place}")
    first, before = (
        next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        for notebook in (made, plain)
    )
    assert first["outputs"] == before["outputs"]
    code = "".join(first["source"])
    added = code.removesuffix("".join(before["source"]))
    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    exec(added, {"get_ipython": lambda: Shell(calls)})  # noqa: S102
    assert calls == [("pip", f"install -q 'keras-gen[cli] @ git+{address}'")] * in_colab


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
@pytest.mark.filterwarnings("ignore:.*They are dropped")  # lines that are too long
@pytest.mark.filterwarnings("ignore:.*cache")  # a network of one's own has none
@pytest.mark.parametrize("page", [page for page in PAGES if page != DEVICES])
def test_a_page_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "default_jit", lambda model: False)
    names = {}
    for kind, code in BLOCK.findall((DOCS / page).read_text()):
        if kind == "python":
            exec(code, names)  # noqa: S102
        for line in code.splitlines() if kind == "" else []:
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit) as ended:
                cli.main()
            assert not ended.value.code, line
