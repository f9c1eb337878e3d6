"""The pages run as they are printed, and their links and commands exist."""

import importlib.util
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from keras_gen.engine import loop
from keras_gen.zoo import cli, find_recipe

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DEVICES = "distributed.md"  # its program needs several processes
LONGEST_README = 150


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


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
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
