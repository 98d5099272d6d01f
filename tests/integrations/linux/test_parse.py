"""Output of programs as intruders would have it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from integrations.linux import isolation, parse
from tenantry.errors import VendorFault
from tests.support.hosts import Key

NOW = datetime(2026, 1, 15, tzinfo=UTC)
KEY = Key().public


def test_keys_with_options_comments_and_rubbish() -> None:
    content = "\n".join(
        [
            "# a comment",
            f"#{KEY} a key that somebody commented out",
            f'command="echo \\"ssh-ed25519 AAAA\\"",no-pty {KEY} real one',
            f"#tenantry-quarantined {KEY} theirs",
            "ssh-rsa AAAAnonsense x",
            "",
        ]
    ).encode()
    keys = parse.authorized_keys("alice", b"/home/a\xff/.ssh/authorized_keys", content, NOW)
    assert [(key.enabled, key.comment) for key in keys] == [(True, "real one"), (False, "theirs")]
    assert keys[0].options.startswith("command=")
    assert keys[0].path == "/home/a\\xff/.ssh/authorized_keys"
    assert keys[1].line == f"{KEY} theirs"


def test_crontabs_of_the_system_and_of_an_account() -> None:
    content = (
        b"SHELL=/bin/sh\n# no\n*/5 * * * * root run  me\n@daily bob x\n1 2 3\n#tenantry-quarantined @reboot eve y\n"
    )
    assert [(s, a, c, e) for s, a, c, e, _ in parse.crontab(content, account=None)] == [
        ("*/5 * * * *", "root", "run  me", True),
        ("@daily", "bob", "x", True),
        ("@reboot", "eve", "y", False),
    ]
    assert parse.crontab(b"@reboot a b\n", account="carl")[0][1:3] == ("carl", "a b")


def test_a_process_whose_name_tries_to_be_something_else() -> None:
    stat = b"7 (a) S 1 1 (\n) T 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20"
    files = parse.proc_files(
        b"/proc/7/stat\0"
        + stat
        + b"\n\0/proc/7/status\0Name:\tx\nUid:\t5\t6\t5\t5\n\0/proc/7/cmdline\0a b\0/proc/7/cmdline\0\0"
    )
    (process,) = parse.processes(files, {7: b"/tmp/x (deleted)"}, {6: "six"}, NOW)
    assert (process.id, process.state, process.account, process.arguments) == ("7:777", "T", "six", ("a b",))
    assert process.deleted
    assert process.executable == "/tmp/x"
    with pytest.raises(VendorFault):
        parse.proc_files(b"/etc/passwd\0x\0")


def test_connections_of_both_families_and_a_name_that_lies() -> None:
    rows = [
        b'tcp ESTAB 0 0 10.0.0.1:22 [::ffff:203.0.113.5]:4000 users:(("x",pid=9,fd=3),("y",pid=12,fd=4))',
        b'tcp LISTEN 0 0 [::]:22 [::]:* users:(("pid=1",pid=9,fd=3))',
        b"tcp6",
    ]
    one, two = parse.connections(rows)
    assert (one.remote, one.remote_port, one.pids) == ("203.0.113.5", 4000, (9, 12))
    assert (two.remote, two.pids) == ("", (9,))


def test_logins_by_date_of_either_form_and_a_name_that_pretends() -> None:
    evil = "Jan 14 10:00:00 web sshd[1]: Failed password for invalid user x from 1.1.1.1 port 1 ssh2 from 203.0.113.9 port 5 ssh2"
    login = parse.syslog_login(evil.encode(), NOW)
    assert login is not None
    assert login.origin == "203.0.113.9", "what was typed as a name cannot choose the address"
    assert not login.success
    assert login.at == datetime(2026, 1, 14, 10, tzinfo=UTC)
    old = parse.syslog_login(
        b"Dec 31 10:00:00 web sshd[1]: Accepted publickey for bob from ::1 port 5 ssh2: ED25519 SHA256:abc", NOW
    )
    assert old is not None
    assert (old.at.year, old.key, old.success) == (2025, "SHA256:abc", True)
    new = parse.syslog_login(
        b"2026-01-14T10:00:00.5+01:00 web sshd-session[1]: Accepted password for bob from 10.0.0.1 port 5 ssh2", NOW
    )
    assert new is not None
    assert new.at == datetime(2026, 1, 14, 9, 0, 0, 500_000, tzinfo=UTC)
    assert (
        parse.syslog_login(b"Feb 30 10:00:00 web sshd[1]: Accepted password for b from 1.1.1.1 port 5 ssh2", NOW)
        is None
    )
    assert parse.journal_login(b"not json") is None
    assert parse.journal_login(
        b'{"MESSAGE":"Accepted password for b from 1.1.1.1 port 5 ssh2","__REALTIME_TIMESTAMP":"1768384800000000"}'
    )


def test_shadow_passwords_and_groups() -> None:
    assert parse.expiries([b"a:1", b"b:", b"c:20000"]) == {"a": date(1970, 1, 2), "c": date(2024, 10, 4)}
    assert parse.passwords([b"a L 01/01/2026 0", b"b P x", b"c NP x", b"d ?"]) == {
        "a": "locked",
        "b": "set",
        "c": "none",
    }
    names, members = parse.groups([b"sudo:x:27:a,b", b"bad"])
    assert names == {27: "sudo"}
    assert members == {"a": ["sudo"], "b": ["sudo"]}


def test_updates_and_what_would_be_new() -> None:
    lines = [
        b"Inst sudo [1.9] (1.9+deb12u2 Debian-Security:12/stable-security [amd64])",
        b"Inst bash [5.2] (5.3 Debian:12/stable [amd64]) []",
        b"Inst new (1.0 Debian:12/stable [amd64])",
        b"Conf sudo (1)",
    ]
    assert [(u.id, u.offered, u.security) for u in parse.updates(lines)] == [
        ("sudo", "1.9+deb12u2", True),
        ("bash", "5.3", False),
    ]


@pytest.mark.parametrize("wrong", [None, {}, {"nftables": 1}])
def test_a_firewall_that_answers_in_another_form(wrong) -> None:
    with pytest.raises(VendorFault):
        isolation.tokens(wrong)


def test_half_a_table_is_no_isolation() -> None:
    chain = {"chain": {"hook": "input", "policy": "drop"}}
    assert not isolation.state({"nftables": [chain]}, []).active
    whole = [{"chain": {"hook": hook, "policy": "drop"}} for hook in ("input", "output", "forward")]
    assert isolation.state({"nftables": whole}, []).confirmed
    assert not isolation.state({"nftables": whole}, ["0" * 16]).confirmed
