"""How real hosts are set up: one in a good state, one in a bad one, one that grants little; and recorded outputs of other systems."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.linux import posture as read
from integrations.linux.posture_script import POSTURE, POSTURE_ROOT
from integrations.linux.provider import PROVIDER
from integrations.linux.sudo import POSTURE_NEEDS, sudoers
from integrations.linux.survey_script import script
from tasks.checks._collect.postures import host_postures
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import judge
from tenantry.baseline.model import load_baseline
from tenantry.capabilities import HostPosture, Posture
from tenantry.capabilities.posture import POSTURE_PARTS, Listener, Mount, Unit
from tenantry.errors import Unreachable
from tenantry.sweep.check import Look
from tenantry.sweep.live import Given, sweep_tenant
from tests.conformance.posture import PostureConformance, PostureWorld
from tests.support.hosts import SMALL, HostNet, host_net
from tests.tasks.checks.looks import LOOK

# --- parsing ----------------------------------------------------------------------------------------------------------


def test_sections_name_parts_that_there_are() -> None:
    assert {part for section in POSTURE for part in section.parts} == set(POSTURE_PARTS)
    asked = {program.split()[0] for section in POSTURE for program in section.root}
    assert asked == {program.split()[0] for program in POSTURE_ROOT} == set(POSTURE_NEEDS)
    [permission] = host_postures.permissions
    assert set(permission.names) == set(POSTURE_NEEDS)


@given(st.binary(max_size=300))
def test_whatever_comes_is_no_crash(body: bytes) -> None:
    read.sshd_settings(body)
    list(read.mounts(body))
    list(read.listeners(body))
    read.units(body)


def test_listeners() -> None:
    told = (
        b'tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
        b"tcp   LISTEN 0 511 [::ffff:10.0.0.1]:80 *:*\n"
        b"udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\nnonsense\n"
    )
    found = [(one.protocol, one.address, one.port, one.program, one.local) for one in read.listeners(told)]
    assert found == [("tcp", "0.0.0.0", 22, "sshd", False), ("tcp", "10.0.0.1", 80, "", False), ("udp", "127.0.0.53", 53, "", True)]  # fmt: skip  # as ss shows it


def test_the_upper_of_two_mounts_counts_and_spaces_are_spaces() -> None:
    told = b"a /tmp ext4 rw 0 0\nb /tmp tmpfs rw,nosuid 0 0\nc /mnt/my\\040disk ext4 ro 0 0\n"
    assert {one.path: one.options for one in read.mounts(told)} == {
        "/tmp": {"rw", "nosuid"},  # a mount's path
        "/mnt/my disk": {"ro"},
    }


def test_units_of_both_lists() -> None:
    told = (
        b"ssh.service enabled enabled\nrsyslog.service disabled enabled\n\0ssh.service loaded active running OpenSSH\n"
    )
    found = read.units(told)
    assert (found["ssh.service"].active, found["rsyslog.service"].active) == (True, False)
    assert found["rsyslog.service"].enabled == "disabled"


CHAIN = {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "prio": 0}


@pytest.mark.parametrize(
    ("policy", "rules", "refuses"),
    [
        ("drop", [], True),
        ("accept", [], False),
        ("accept", [[{"counter": {}}, {"drop": None}]], True),
        ("accept", [[{"reject": {"type": "icmpx"}}]], True),
        ("accept", [[{"match": {}}, {"drop": None}]], False),
        ("accept", [[{"drop": None}], [{"match": {}}, {"accept": None}]], False),
    ],
)
def test_what_a_chain_refuses(policy: str, rules: list[Any], refuses: bool) -> None:
    told = {
        "nftables": [{"metainfo": {}}, {"chain": {**CHAIN, "policy": policy}}, {"chain": {**CHAIN, "hook": "output"}}]
    }
    told["nftables"] += [
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}} for expr in rules
    ]
    assert [one.refuses for one in read.hooks(told)] == [refuses]


@pytest.mark.parametrize(("sudo", "password"), [(False, False), (True, False), (True, True)])
def test_the_script_is_a_shells(sudo: bool, password: bool) -> None:
    text = script(POSTURE, sudo=sudo, password=password, programs=POSTURE_ROOT)
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n"], input=text.encode(), check=True)


# --- real hosts -------------------------------------------------------------------------------------------------------

_LESS = SMALL + "for d in usr/share usr/include usr/local; do mount -t tmpfs tmpfs $d; done\n"
_GOOD = r"""
chmod 600 etc/ssh/ssh_host_*_key 2>/dev/null || true
chmod 700 home/*
cat > etc/ssh/tenantry_more <<'END'
PermitRootLogin prohibit-password
KbdInteractiveAuthentication no
X11Forwarding no
LoginGraceTime 60
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-512-etm@openssh.com
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org
END
sed -i '/^LoginGraceTime/d' etc/ssh/tenantry_test; cat etc/ssh/tenantry_more >> etc/ssh/tenantry_test; cp etc/ssh/tenantry_test etc/ssh/sshd_config
rm -f etc/ssh/sshd_config.d/*
mkdir -p etc/audit/rules.d var/log/journal
rm -rf boot/grub && mkdir -p boot/grub && touch boot/grub/grub.cfg && chmod 600 boot/grub/grub.cfg
"""
_WALL = """nft -f - <<'END'
table inet guard {
  chain input {
    type filter hook input priority 0; policy drop;
    tcp dport 22 accept
    ct state established,related accept
  }
}
END
"""
_BAD = r"""
cat > etc/ssh/sshd_config <<'END'
PermitEmptyPasswords yes
KbdInteractiveAuthentication yes
MaxAuthTries 10
HostbasedAuthentication yes
PermitUserEnvironment yes
StrictModes no
KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1
LogLevel QUIET
END
cat etc/ssh/tenantry_test >> etc/ssh/sshd_config
chmod 666 etc/ssh/sshd_config
echo 'helper:x:150:150::/var/lib/helper:/bin/sh' >> etc/passwd; echo 'helper::19000:0:99999:7:::' >> etc/shadow
rm -rf boot/grub && mkdir -p boot/grub && touch boot/grub/grub.cfg && chmod 666 boot/grub/grub.cfg
printf '\nPackage: telnetd\nStatus: install ok installed\nPriority: optional\nSection: net\nMaintainer: x <x@example.org>\nArchitecture: all\nVersion: 1\nDescription: old\n\n' >> var/lib/dpkg/status
printf 'PermitRootLogin yes\nX11Forwarding yes\nCiphers aes128-cbc,aes256-ctr\nMACs hmac-md5,hmac-sha2-256\nMatch Address 10.0.0.0/8\n  PasswordAuthentication yes\n' >> etc/ssh/sshd_config
rm -f etc/ssh/sshd_config.d/*
echo 'toor:x:0:0::/root:/bin/sh' >> etc/passwd; echo 'toor:*:19000:0:99999:7:::' >> etc/shadow
echo 'open:x:1500:1500::/home/open:/bin/sh' >> etc/passwd; echo 'open::19000:0:99999:7:::' >> etc/shadow; mkdir -p home/open; chown 1500 home/open; chmod 777 home/open
echo 'otto ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/otto; chmod 440 etc/sudoers.d/otto
chmod 666 etc/crontab 2>/dev/null || { echo > etc/crontab; chmod 666 etc/crontab; }
chmod 644 etc/shadow
mkdir -p "opt/a
b"; echo x > "opt/a
b/run\$(id).sh"; chmod 777 "opt/a
b/run\$(id).sh"; chown 4711 "opt/a
b/run\$(id).sh"
echo 'APT::Get::AllowUnauthenticated "true";' > etc/apt/apt.conf.d/99-unsigned
sed -i 's/^ENCRYPT_METHOD.*/ENCRYPT_METHOD MD5/' etc/login.defs; sed -i 's/yescrypt/md5/' etc/pam.d/common-password
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("posture")) as made:
        made.add("good", setup=_LESS + _GOOD)
        made.hosts["good"].run(_WALL)
        made.add("bad", setup=_LESS + _BAD)
        made.add("little", setup=_LESS, sudo="ALL=(root) NOPASSWD: /usr/bin/find")
        made.add(
            "least",
            setup=_LESS,
            sudo=sudoers("responder", POSTURE_NEEDS).removeprefix("responder ").replace("\\\n", ""),
        )
        made.add("booted", setup=SMALL, systemd=True)
        yield made


@pytest.fixture(scope="module")
def postures(net: HostNet) -> dict[str, HostPosture]:
    async def taken() -> dict[str, HostPosture]:
        opened = await PROVIDER.open(net.settings(), net.secrets())
        provider: Posture = opened.capability("posture")
        assert isinstance(provider, Posture)
        try:
            return {ref.id: await provider.posture(ref.id) for ref in await provider.posture_hosts()}
        finally:
            await opened.aclose()

    return asyncio.run(taken())


class TestLinuxPosture(PostureConformance):
    @pytest.fixture
    async def world(self, net: HostNet, postures: dict[str, HostPosture]) -> AsyncIterator[PostureWorld]:
        opened = await PROVIDER.open(net.settings(), net.secrets())
        yield PostureWorld(opened.capability("posture"), "booted", frozenset(net.hosts), postures["booted"])
        await opened.aclose()


class Looking:
    """As much of the capability as a baseline needs, over these hosts."""

    def __init__(self, postures: dict[str, HostPosture], away: tuple[str, ...] = ()) -> None:
        self.away = away
        self.access: Any = SimpleNamespace(name="acme", capability=self.capability)
        self.postures = postures

    async def capability(self, name: str) -> Any:
        if name == "host":
            from tenantry.errors import NoProvider

            raise NoProvider("not asked here")

        async def hosts() -> list[Any]:
            return [SimpleNamespace(id=name) for name in (*self.postures, *self.away)]

        async def posture(host: str) -> HostPosture:
            if host not in self.postures:
                raise Unreachable("no connection")
            return self.postures[host]

        return SimpleNamespace(posture_hosts=hosts, posture=posture)

    def given(self, needs: Any, look: Look) -> Given:
        return Given(self.access, look, needs, "a test")

    async def checked(self, checks: Any, look: Look) -> Any:
        return await sweep_tenant(self.access, checks, look, {})


async def _statuses(postures: dict[str, HostPosture], *names: str) -> dict[str, dict[str, Any]]:
    away = tuple(name for name in names if name not in postures)
    looking: Any = Looking({name: postures[name] for name in names if name not in away}, away)
    baseline = load_baseline("linux_foundations")
    found = (await judge(looking, [baseline], measures(), {}, LOOK))[baseline.id]
    return {one["policy"]: one for one in found}


WRONG = {
    "ssh_root_login", "ssh_passwords", "ssh_x11", "ssh_ciphers", "ssh_macs", "no_empty_password", "one_root", "sudo_password", "password_hashing",
    "packages_signed", "firewall", "account_files", "scheduler_files", "homes", "writable_files", "ownerless_files",
    "ssh_empty_passwords", "ssh_keyboard", "ssh_tries", "ssh_grace", "ssh_host_trust", "ssh_environment", "ssh_strict_modes", "ssh_key_exchange", "ssh_logs",
    "service_accounts", "old_packages", "ssh_files", "boot_files",
}  # fmt: skip


async def test_what_was_set_wrong_is_found_and_what_was_set_right_is_not(postures: dict[str, HostPosture]) -> None:
    bad, good = await _statuses(postures, "bad"), await _statuses(postures, "good")
    assert {policy for policy in WRONG if bad[policy]["status"] != "fail"} == set()
    told = {
        policy: (one["status"], one["about"])
        for policy, one in good.items()
        if policy in WRONG and one["status"] != "pass"
    }
    assert told == {}
    assert "bad: toor has the number 0" in bad["one_root"]["about"]
    assert "bad: /opt/a\nb/run$(id).sh may be written to by anybody" in bad["writable_files"]["about"]
    assert "bad: passwordauthentication is yes for some (Match)" in bad["ssh_passwords"]["about"]


KERNEL = {
    **{"kernel.randomize_va_space": "2", "kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1", "kernel.yama.ptrace_scope": "1"},
    **{"fs.protected_hardlinks": "1", "fs.protected_symlinks": "1", "fs.suid_dumpable": "0", "net.ipv4.tcp_syncookies": "1"},
    **{"net.ipv4.conf.all.rp_filter": "1", "net.ipv4.conf.all.accept_source_route": "0", "net.ipv4.conf.default.accept_source_route": "0"},
    **{"net.ipv6.conf.all.accept_source_route": "0"},
    **{f"net.{kind}.conf.{which}.accept_redirects": "0" for kind in ("ipv4", "ipv6") for which in ("all", "default")},
}  # fmt: skip
"""A test's host shares the kernel of the machine, which nobody sets for it: so are mounts, the clock, services and what confines them."""
ELSEWHERE = "security_updates"
"""Asked of the hosts themselves: tests/tasks/measures/endpoints/test_hosts_updated.py and tests/runbooks/test_mend_updates.py."""


def _altered(postures: dict[str, HostPosture]) -> dict[str, HostPosture]:
    """Real hosts, with what cannot be set in a test's host set right, and set wrong; and one of which nothing could be read."""
    good, booted = postures["good"], postures["booted"]
    guarded = frozenset({"nodev", "nosuid", "noexec"})
    right = {
        **{"kernel": KERNEL, "mounts": [Mount(path=path, kind="tmpfs", options=guarded) for path in ("/tmp", "/dev/shm")]},  # places of a host
        **{"packages": good.packages | {"unattended-upgrades"}, "confinement": {"apparmor": True}, "synchronised": True, "manager": "systemd", "unread": {}},
        "units": {
            name: Unit(id=name, enabled="enabled", active=True)
            for name in ("auditd.service", "chrony.service", "apt-daily-upgrade.timer", "apt-daily.timer", "unattended-upgrades.service", "rsyslog.service")
        },
        "contents": {
            **good.contents,
            "/etc/audit/rules.d/all.rules": "-w /etc/passwd -p wa\n-w /etc/shadow -p wa\n-w /etc/sudoers -p wa\n",
            "/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
            "/etc/rsyslog.d/away.conf": "*.* @@logs.example:6514\n",
            "/etc/pam.d/common-auth": "auth required pam_faillock.so preauth deny=5\nauth required pam_faillock.so authfail deny=5\n",
            "/etc/pam.d/common-password": "password requisite pam_pwquality.so minlen=16\npassword sufficient pam_unix.so yescrypt\n",
            "/etc/security/faillock.conf": "deny = 5\n",
            "/etc/security/pwquality.conf": "minlen = 16\n",
        },
        "accounts": [one.model_copy(update={"password": "set"}) if one.uid == good.accounts[-1].uid else one for one in good.accounts],
    }  # fmt: skip
    wrong = {
        **{"kernel": dict.fromkeys(KERNEL, "9"), "reboot_required": True, "unread": {}},
        "release": {**booted.release, "ID": "debian", "VERSION_ID": "10"},
        "listeners": [Listener(protocol="tcp", address="0.0.0.0", port=port) for port in (23, 3306)],  # what a host listens on
        "contents": {**booted.contents, "/etc/systemd/journald.conf": "[Journal]\nStorage=volatile\n"},
        "files": {
            **{name: one for name, one in booted.files.items() if name != "/var/log/journal"},
            **{path: booted.files["/etc/passwd"].model_copy(update={"path": path, "mode": 0o666}) for path in ("/etc/sudoers",)},
        },
    }  # fmt: skip
    return {
        "right": good.model_copy(update=right),
        "wrong": booted.model_copy(update=wrong),
        "silent": good.model_copy(update={"unread": dict.fromkeys(POSTURE_PARTS, "it was away"), "release": {}}),
    }


async def test_every_policy_is_met_not_met_not_known_and_not_asked(postures: dict[str, HostPosture]) -> None:
    all_of_them = postures | _altered(postures)
    seen: dict[str, set[str]] = {}
    for names in (*((name,) for name in all_of_them), ("away",), ()):
        for policy, one in (await _statuses(all_of_them, *names)).items():
            seen.setdefault(policy, set()).add(one["status"])
    lacking = {
        policy: sorted({"pass", "fail", "unknown", "not_applicable"} - of)
        for policy, of in seen.items()
        if policy != ELSEWHERE
    }
    assert {policy: of for policy, of in lacking.items() if of} == {}
    silent = await _statuses(all_of_them, "silent")
    assert {policy for policy, one in silent.items() if one["status"] in ("pass", "fail")} <= {"restart_after_update"}


async def test_one_that_is_wrong_among_others_is_named(postures: dict[str, HostPosture]) -> None:
    both = await _statuses(postures, "bad", "good")
    assert both["one_root"]["about"] == ["bad: toor has the number 0"]
    assert both["one_root"]["looked_at"] == 2


async def test_without_systemd_services_are_unknown_and_with_it_they_are_told(postures: dict[str, HostPosture]) -> None:
    assert (await _statuses(postures, "good"))["clock"]["status"] == "unknown"
    assert postures["booted"].manager == "systemd"
    assert postures["booted"].units
    assert (await _statuses(postures, "booted"))["auditing"]["status"] == "fail"


async def test_what_sudo_does_not_grant_is_unknown_and_no_pass(postures: dict[str, HostPosture]) -> None:
    little = await _statuses(postures, "little")
    assert {one["status"] for name, one in little.items() if name.startswith("ssh_") and name != "ssh_files"} == {
        "unknown"
    }
    assert little["firewall"]["status"] == little["no_empty_password"]["status"] == "unknown"
    assert "sudo does not let us run" in postures["little"].unread["sshd"]
    assert little["kernel_layout"]["status"] in ("pass", "fail"), "what everybody may read is read"


def test_the_printed_lines_suffice(postures: dict[str, HostPosture]) -> None:
    assert set(postures["least"].unread) - {"units", "clock"} <= {"sshd"}
    assert "settings of its own" in postures["least"].unread["sshd"], "sudo grants the usual server's settings alone"


def test_no_hash_of_a_password_is_read(postures: dict[str, HostPosture], net: HostNet) -> None:
    net.hosts["good"].run("true")
    for host in postures.values():
        assert "/etc/shadow" not in host.contents
        assert not any(":$y$" in text or ":$6$" in text for text in host.contents.values())
