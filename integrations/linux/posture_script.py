"""What a posture asks a host: sections of one constant script, made and sent as a survey's (:mod:`integrations.linux.survey_script`)."""

from __future__ import annotations

from typing import Final

from integrations.linux import parse
from integrations.linux.survey_script import Section

__all__ = ["KERNEL", "POSTURE", "POSTURE_ROOT"]

_MIB: Final = 1024 * 1024
_NUL: Final = "printf '\\000'"

POSTURE_ROOT: Final = ("find", "tar", "ss", "cat", "nft", "passwd -S -a", "sshd -T")
"""Programs that it runs as root, with their arguments where sudoers names them."""

KERNEL: Final = (
    "kernel.randomize_va_space", "kernel.kptr_restrict", "kernel.dmesg_restrict", "kernel.yama.ptrace_scope",
    "kernel.unprivileged_bpf_disabled", "kernel.sysrq", "kernel.kexec_load_disabled",
    "fs.protected_hardlinks", "fs.protected_symlinks", "fs.protected_fifos", "fs.protected_regular", "fs.suid_dumpable",
    "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.tcp_syncookies", "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_ignore_bogus_error_responses",
    *(
        f"net.ipv4.conf.{kind}.{name}"
        for kind in ("all", "default")
        for name in ("accept_redirects", "secure_redirects", "send_redirects", "accept_source_route", "rp_filter", "log_martians")
    ),
    *(
        f"net.ipv6.conf.{kind}.{name}"
        for kind in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "accept_ra")
    ),
)  # fmt: skip
"""Settings that are read; https://docs.kernel.org/admin-guide/sysctl/."""

_FILES: Final = (
    "/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-", "/etc/group", "/etc/group-", "/etc/gshadow", "/etc/gshadow-",
    "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/ssh/sshd_config", "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily",
    "/etc/cron.weekly", "/etc/cron.monthly", "/var/spool/cron", "/var/spool/cron/crontabs", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
    "/root", "/var/log", "/var/log/journal",
)  # fmt: skip
_SETTINGS: Final = (
    "/etc/login.defs", "/etc/default/useradd", "/etc/security/pwquality.conf", "/etc/security/faillock.conf", "/etc/security/limits.conf",
    "/etc/pam.d/common-auth", "/etc/pam.d/common-account", "/etc/pam.d/common-password", "/etc/pam.d/system-auth", "/etc/pam.d/password-auth", "/etc/pam.d/su",
    "/etc/systemd/journald.conf", "/etc/systemd/journal-upload.conf", "/etc/systemd/coredump.conf", "/etc/rsyslog.conf", "/etc/audit/auditd.conf",
    "/etc/sudoers", "/etc/ssh/sshd_config", "/etc/apt/apt.conf", "/etc/dnf/automatic.conf", "/etc/dnf/dnf.conf", "/etc/yum.conf",
)  # fmt: skip
_FOLDERS: Final = (
    "/etc/security/pwquality.conf.d", "/etc/security/limits.d", "/etc/systemd/journald.conf.d", "/usr/lib/systemd/journald.conf.d",
    "/etc/rsyslog.d", "/etc/audit/rules.d", "/etc/sudoers.d", "/etc/ssh/sshd_config.d", "/etc/apt/apt.conf.d", "/etc/yum.repos.d",
)  # fmt: skip
_ELSEWHERE: Final = " -o ".join(
    [
        *(f"-fstype {kind}" for kind in ("proc", "sysfs", "cgroup2", "devtmpfs", "devpts", "tmpfs", "nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "autofs", "squashfs")),
        *(f"-path '{path}'" for path in ("/proc/*", "/sys/*", "/dev/*", "/run/*", "/var/lib/docker/*", "/var/lib/containerd/*", "/var/lib/containers/*", "/var/lib/lxc/*", "/snap/*")),
    ]
)  # fmt: skip
"""Where other machines', containers' and the kernel's own files lie, and what is gone after a restart."""

POSTURE: Final = (
    Section(
        "system",
        f"cat /etc/os-release; {_NUL}; [ -d /run/systemd/system ] && echo systemd; {_NUL}; [ -e /run/reboot-required ] && echo yes; true",
        (),
        limit=65_536,
    ),
    Section("leave", "{leave}", (), limit=65_536),
    Section("passwd", "getent passwd", ("accounts",)),
    Section("group", "getent group", ("accounts",)),
    Section("passwords", "r passwd -S -a", ("accounts",), ("passwd -S -a",)),
    Section("sshd", "if command -v sshd >/dev/null; then r sshd -T; fi", ("sshd",), ("sshd -T",), limit=_MIB),
    Section(
        "servers",
        "ps -eo args= | grep '^sshd: .*\\[listener\\]' | grep -o ' -f *[^ ]*' | sed 's/^ -f *//' | sort -u | head -n 8"
        f" | while IFS= read -r f; do printf '%s\\n' \"$f\"; r sshd -T -f \"$f\" </dev/null; {_NUL}; done; true",
        ("sshd",),
        limit=_MIB,
    ),
    Section(
        "kernel",
        "grep -sH '' " + " ".join(f"/proc/sys/{name.replace('.', '/')}" for name in KERNEL) + "; true",
        ("kernel",),
        limit=65_536,
    ),
    Section("mounts", "cat /proc/self/mounts", ("mounts",), limit=_MIB),
    Section(
        "files",
        f"r find -L {' '.join(_FILES)} -maxdepth 0 -printf '{parse.FIND}'; r find /etc/ssh -maxdepth 1 -type f -printf '{parse.FIND}';"
        " i=$IFS; set -f; IFS='\n'; set -- $(getent passwd | awk -F: '$3 >= 1000 && $3 < 65000 { print $6 }' | grep '^/.*[^/]$' | sort -u | head -n 2000);"
        f" IFS=$i; set +f; [ $# -eq 0 ] || r find \"$@\" -maxdepth 0 -printf '{parse.FIND}'; true",
        ("files",),
        ("find",),
    ),
    Section(
        "contents",
        f"{{ r find {' '.join(_SETTINGS)} -maxdepth 0 -print0; r find {' '.join(_FOLDERS)} -mindepth 1 -maxdepth 1 \\( -type f -o -type l \\) -print0; }}"
        " | r tar --create --file=- --format=gnu --absolute-names --dereference --no-recursion --ignore-failed-read --null --verbatim-files-from"
        " --files-from=-",
        ("contents",),
        ("find", "tar"),
        limit=8 * _MIB,
    ),
    Section(
        "loose",
        f"r find / -mindepth 1 \\( {_ELSEWHERE} \\) -prune -o \\( \\( -type f -perm -0002 \\) -o \\( -type d -perm -0002 ! -perm -1000 \\)"
        f" -o -nouser -o -nogroup \\) -printf '{parse.FIND}'; true",
        ("loose",),
        ("find",),
        limit=8 * _MIB,
    ),
    Section(
        "units",
        "if [ -d /run/systemd/system ]; then systemctl list-unit-files --no-legend --no-pager --plain --type=service,timer,socket; "
        f"{_NUL}; systemctl list-units --no-legend --no-pager --plain --state=active --type=service,timer,socket; fi",
        ("units",),
        limit=_MIB,
    ),
    Section("sockets", "r ss -HtulnpO", ("listeners",), ("ss",)),
    Section(
        "packages",
        "if [ -d /var/lib/dpkg/info ]; then dpkg-query -W -f '${db:Status-Abbrev}${Package}\\n' | sed -n 's/^ii *//p'; else rpm -qa --qf '%{NAME}\\n'; fi",
        ("packages",),
    ),
    Section(
        "firewall",
        "if command -v nft >/dev/null; then r nft -j list ruleset; else (exit 127); fi",
        ("firewall",),
        ("nft",),
        limit=16 * _MIB,
    ),
    Section(
        "confinement",
        f"cat /sys/module/apparmor/parameters/enabled; {_NUL}; r cat /sys/kernel/security/apparmor/profiles; {_NUL}; cat /sys/fs/selinux/enforce; true",
        ("confinement",),
        ("cat",),
    ),
    Section("clock", "if command -v timedatectl >/dev/null; then timedatectl show -p NTPSynchronized --value; else (exit 127); fi", ("clock",), limit=4096),
)  # fmt: skip
