"""Ctrl-C and SIGTERM ask once, then insist."""

from __future__ import annotations

import signal

import pytest

from rarecall.cli.stopping import stopping
from rarecall.errors import Interrupted


def stopped_by(*numbers):
    """Receive signals as a run does that stops when it is asked to."""
    with stopping() as stop:
        assert not stop()
        for number in numbers:
            signal.raise_signal(number)
        assert stop()
        raise Interrupted("saved")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_and_sets_the_exit_code(number, code, capsys):
    with pytest.raises(Interrupted, match="saved") as caught:
        stopped_by(number)
    assert caught.value.exit_code == code
    assert "once more stops at once" in capsys.readouterr().err


def test_the_second_signal_stops_at_once():
    with pytest.raises(Interrupted, match="at once") as caught:
        stopped_by(signal.SIGTERM, signal.SIGINT)
    assert caught.value.exit_code == 143


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopping():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
