"""The pages of uses run as they are printed: Python and commands, in their order."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from keras_gen.engine import loop
from keras_gen.zoo import cli

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "distributed")
BLOCK = re.compile(r"^```(python)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_use_has_a_page():
    uses = "anomaly_detection augmentation conditional_sampling denoising density "
    uses += "imputing interpolation latent_space super_resolution translation"
    assert uses.split() == PAGES


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "default_jit", lambda model: False)
    names = {}
    for language, code in BLOCK.findall((DOCS / f"{page}.md").read_text()):
        if language:
            exec(code, names)  # noqa: S102
            continue
        for line in code.splitlines():
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit) as ended:
                cli.main()
            assert not ended.value.code, line
