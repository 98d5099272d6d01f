"""A process that was forked after its parent had typeset something: it typesets too, and waits for nobody's threads."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import pytest

from tenantry.timeline import typeset
from tenantry.timeline.typeset import Untypeset, answered, compiled

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout that says what it is given."""
    monkeypatch.setattr(
        typeset, "layout", lambda name: '#set document(title: "x")\n#set text(lang: "en")\n#sys.inputs.at("said")'
    )


def forked() -> int:
    """The exit code of a child that typesets."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(120)  # instead of waiting for ever
        try:
            made = compiled({"data": "{}", "picture": "", "legend": ""}, AT)
        except Untypeset:
            os._exit(3)  # the process of its own has the real layout, and this data is too little for it
        os._exit(0 if made.startswith(b"%PDF") else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_after_a_fork() -> None:
    assert compiled({"said": "before"}, AT).startswith(b"%PDF")
    assert forked() == 3
    assert compiled({"said": "after"}, AT).startswith(b"%PDF")


def test_what_the_typesetter_says_comes_back() -> None:
    with pytest.raises(Untypeset):
        compiled({}, AT)
    assert answered(b'{"inputs": {"said": "x"}, "at": "2026-11-22T00:00:00+00:00"}').startswith(b"+%PDF")
    assert answered(b'{"inputs": {}, "at": "2026-11-22T00:00:00+00:00"}').startswith(b"-")
