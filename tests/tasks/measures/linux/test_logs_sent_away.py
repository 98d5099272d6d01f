from __future__ import annotations

import pytest

from tasks.measures.linux.logs_sent_away import LogsSentAway
from tests.tasks.measures.linux.hosts import answered, unit

STAY = ["its logs stay on it, as far as can be seen"]


@pytest.mark.parametrize(
    "line",
    [
        "*.* @@logs.example.com:514",
        "auth.* @192.0.2.1",
        "*.* @@(o)logs.example.com",
        '*.* action(type="omfwd" target="l")',
        "*.* :omrelp:l:20514",
    ],
)
def test_rsyslog_sends_while_it_runs(line: str) -> None:
    contents = {"/etc/rsyslog.d/away.conf": line}
    assert answered(LogsSentAway, contents=contents, units=unit("rsyslog.service")) == []
    assert answered(LogsSentAway, contents=contents, units=unit("rsyslog.service", active=False)) == STAY


def test_an_agent_or_nobody() -> None:
    assert answered(LogsSentAway, units=unit("filebeat.service")) == []
    local = {"/etc/rsyslog.conf": "*.* -/var/log/syslog\n# *.* @@logs.example.com"}
    assert answered(LogsSentAway, contents=local, units=unit("rsyslog.service")) == STAY
