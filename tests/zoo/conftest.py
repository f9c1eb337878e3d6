"""What tests of runs share: training without XLA, and the command line."""

import sys

import pytest

from keras_gen.engine import loop
from keras_gen.zoo import cli


@pytest.fixture(scope="module")
def without_xla():
    """Runs in this process are short: compiling them would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "default_jit", lambda model: False)
        yield


@pytest.fixture
def run(monkeypatch, capsys):
    """Calls the command line in this process: status, output, error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-gen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call
