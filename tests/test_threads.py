"""Calls on several threads: order, errors and the bar."""

import sys
import threading
import time

import keras
import pytest

from keras_gen import rows


def test_results_come_in_order_from_all_threads(monkeypatch):
    monkeypatch.setattr(rows, "num_threads", lambda: 3)
    meeting, names = threading.Barrier(3, timeout=10), set()

    def work(start):
        meeting.wait()
        names.add(threading.current_thread().name)
        return start**2

    assert rows.share_out(work, range(6)) == [0, 1, 4, 9, 16, 25]
    assert len(names) == 3


def test_a_single_call_stays_on_its_thread():
    found = rows.share_out(lambda _: threading.current_thread(), [7])
    assert found == [threading.current_thread()]


def test_the_first_error_ends_the_work(monkeypatch):
    monkeypatch.setattr(rows, "num_threads", lambda: 1)
    done = []

    def work(start):
        done.append(start)
        time.sleep(1e-3)
        if start == 2:
            raise KeyboardInterrupt
        return start

    with pytest.raises(KeyboardInterrupt):
        rows.share_out(work, range(1000))
    assert len(done) < 1000


@pytest.mark.parametrize(
    ("terminal", "logging", "patience", "shown"),
    [
        (True, True, 0.0, True),
        (True, True, 60.0, False),
        (True, False, 0.0, False),
        (False, True, 0.0, False),
    ],
)
def test_long_work_shows_a_bar_where_it_is_seen(
    terminal, logging, patience, shown, monkeypatch, capsys
):
    monkeypatch.setattr(rows, "PATIENCE", patience)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    logged = keras.config.is_interactive_logging_enabled
    monkeypatch.setattr(
        keras.config, "is_interactive_logging_enabled", lambda: logging and logged()
    )
    rows.share_out(lambda start: start, range(4))
    assert ("4/4" in capsys.readouterr().out) == shown
