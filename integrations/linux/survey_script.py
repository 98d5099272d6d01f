"""The one command of a survey: a POSIX shell's script of constant text, in sections whose output cannot be mistaken for each other's.

Nothing that a host or a tenant's file says ever stands in the script; lists go to its standard input. Each section's output is cut at a
size and followed by its exit status and a mark. The mark is made anew for each survey and comes by standard input, so it is in no
argument that others on the host could read, and no file on it can contain it.

The script runs as the account that signs in; only what needs root is asked of sudo, program by program (:mod:`integrations.linux.sudo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from integrations.linux import parse

__all__ = ["FIRST", "MOST", "OWNERS", "SECOND", "SMALL", "Section", "script"]

_MIB: Final = 1024 * 1024
SMALL: Final = 128 * 1024
"""Bytes up to which a file's content is read: two hundred times what scripts and settings have."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the script.

    Attributes:
        parts: of the survey, that cannot be told without it.
        root: programs that it runs as root.
        limit: bytes of its output.
    """

    name: str
    body: str
    parts: tuple[str, ...]
    root: tuple[str, ...] = ()
    limit: int = 4 * _MIB


def script(
    sections: tuple[Section, ...], *, sudo: bool, password: bool, programs: tuple[str, ...] | None = None
) -> str:
    """The script's text. Its standard input: sudo's password as a line where there is one, the mark as a line, then what sections read.

    Args:
        sudo: root is reached through sudo.
        programs: what is run as root; those of a survey when omitted.
        password: sudo is given one. Its ticket is the parent process's where there is no terminal, so each use asks for its own.
    """
    refresh = "printf '%s\\n' \"$p\" | sudo -S -p '' -v 2>/dev/null; " if password else ""
    root = f'{refresh}sudo -n -- "$@"; return $?' if sudo else '"$@"'
    lines = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; umask 077",
        "IFS= read -r p" if password else ":",
        "IFS= read -r n",
        f"r() {{ {root}; }}",
    ]
    for section in sections:
        body = section.body.replace("{leave}", _leave(programs or _ROOT_PROGRAMS, sudo=sudo, password=password))
        lines.append(
            "{ { " + body + "\n} 2>/dev/null; printf '\\n%s:%s\\n' \"$n\" $?; }"
            f" | head -c {section.limit}; printf '\\n%s/%s\\n' \"$n\" {section.name}"
        )
    return "\n".join([*lines, "exit 0"])


_FIND: Final = parse.FIND

_SYSTEM_PLACES: Final = (
    "/etc/sudoers", "/etc/sudoers.d",
    "/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly",
    "/var/spool/cron", "/var/spool/at",
    *(
        f"{root}/systemd/{kind}"
        for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
        for kind in (
            "system", "user", "system-generators", "user-generators", "system-environment-generators", "user-environment-generators",
            "system-sleep", "system-shutdown",
        )
    ),
    "/run/systemd/transient",
    "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/pam.d", "/etc/pam.conf", "/usr/lib/pam.d", "/usr/lib/*/security", "/usr/lib/security", "/usr/lib64/security",
    "/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d",
    "/etc/rc.local", "/etc/rc.d", "/etc/init.d", "/etc/inittab",
    "/etc/update-motd.d",
    "/etc/profile", "/etc/profile.d", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh", "/etc/zshrc", "/etc/zshenv", "/etc/zprofile",
    "/etc/environment", "/etc/environment.d", "/etc/csh.cshrc", "/etc/csh.login", "/etc/fish", "/etc/skel", "/etc/ssh/sshrc",
    "/etc/xdg/autostart",
    "/etc/polkit-1", "/usr/share/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d", "/run/polkit-1/rules.d", "/var/lib/polkit-1",
    "/etc/NetworkManager/dispatcher.d", "/usr/lib/NetworkManager/dispatcher.d", "/etc/network", "/etc/networkd-dispatcher",
    "/usr/lib/networkd-dispatcher", "/etc/dhcp", "/etc/ppp",
    "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", "/etc/dpkg/dpkg.cfg", "/etc/dpkg/dpkg.cfg.d", "/etc/dnf", "/etc/yum/pluginconf.d",
    "/usr/lib/python3*/site-packages/dnf-plugins", "/usr/lib/yum-plugins",
    "/etc/gitconfig",
    "/etc/default/grub", "/etc/default/grub.d", "/etc/grub.d", "/etc/initramfs-tools", "/usr/share/initramfs-tools/hooks",
    "/usr/share/initramfs-tools/scripts", "/etc/dracut.conf", "/etc/dracut.conf.d", "/usr/lib/dracut/modules.d", "/etc/kernel",
    "/etc/modprobe.d", "/etc/modules", "/etc/modules-load.d", "/usr/local/lib/modules-load.d",
)  # fmt: skip
"""From where a Linux host starts programs, or learns who may; the manual pages of each."""

_HOME_FOLDERS: Final = (
    ".ssh",
    ".config",
    ".local",
    "share",
    "autostart",
    "systemd",
    "user",
    "*.service.d",
    "git",
    "fish",
    "environment.d",
)
_HOME_NAMES: Final = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin",
    ".kshrc", ".cshrc", ".tcshrc", ".login", ".xprofile", ".xsession", ".xsessionrc", ".xinitrc", ".pam_environment", ".gitconfig",
)  # fmt: skip
_HOME_PATHS: Final = (
    "*/.ssh/authorized_keys*", "*/.ssh/rc", "*/.ssh/environment", "*/.config/git/config", "*/.config/fish/*", "*/.config/environment.d/*",
    "*/.config/autostart/*", "*/systemd/user/*",
)  # fmt: skip
"""Of ``.ssh`` no private key is ever read."""


def _any(option: str, values: tuple[str, ...]) -> str:
    return "\\( " + " -o ".join(f"{option} '{value}'" for value in values) + " \\)"


_NO_HOMES: Final = "/|/bin|/sbin|/usr/sbin|/usr/bin|/usr|/dev|/proc|/sys|/var|/etc|/home|/tmp|/nonexistent|/usr/games|/var/run.*|/run.*"
_HOMES: Final = (
    f"getent passwd | cut -d: -f6 | grep '^/.' | grep -vxE '{_NO_HOMES}' | sort -u | head -n 4000"  # homes of accounts
)
_INTO_HOMES: Final = "i=$IFS; set -f; IFS='\n'; set -- $(" + _HOMES + "); IFS=$i; set +f; [ $# -eq 0 ] || "
_SMALL: Final = f"-type f -size -{SMALL // 512 + 1}"


def _places(action: str) -> str:
    """Three walks: the system's places, the hooks and settings of git's working copies, and people's homes."""
    return (
        f"r find {' '.join(_SYSTEM_PLACES)} -xdev -maxdepth 3 \\( -name '*.wants' -o -name '*.requires' \\) -prune"
        f" -o \\( -type f -o -type l \\) {action}\n"
        "r find /root /home /srv /opt /var/www /etc /usr/local -xdev -maxdepth 7"
        " \\( -name node_modules -o -path '*/.git/objects' -o -path '*/.git/logs' -o -path '*/.git/refs' \\) -prune"
        " -o \\( -type f -o -type l \\) \\( -path '*/.git/config' -o -path '*/.git/hooks/*' -perm /111 ! -name '*.sample' \\)"
        f" {action}\n"
        f'{_INTO_HOMES}r find "$@" -mindepth 1 -maxdepth 5 -xdev -type d ! {_any("-name", _HOME_FOLDERS)} -prune'
        f" -o \\( -type f -o -type l \\) \\( {_any('-name', _HOME_NAMES)} -o {_any('-path', _HOME_PATHS)} \\) {action}"
    )


_ROOT_PROGRAMS: Final = (
    "find",
    "tar",
    "ss",
    "grep",
    "getcap",
    "md5sum -c --quiet",
    "passwd -S -a",
    "sshd -T",
    "rpm -Va --nomtime",
)


def _leave(programs: tuple[str, ...], *, sudo: bool, password: bool) -> str:
    """Prints the programs that sudo does not let us run. With a password only sudo as a whole can be asked: its own list would want it again."""
    check = ":" if not sudo else "r true" if password else "sudo -n -l -- $c >/dev/null"
    names = " ".join(f"'{name}'" for name in programs)
    return f"for c in {names}; do command -v ${{c%% *}} >/dev/null || continue; {check} || printf '%s\\n' \"$c\"; done; true"


_OWN_CODE: Final = (
    "^[0-9a-f]{32}  (usr/)?(local/)?(s?bin/|libexec/|lib(32|64|x32)?/(.*\\.so(\\.[0-9.]+)?$|systemd/|udev/|NetworkManager/|modules/))"
    "|^[0-9a-f]{32}  boot/vmlinuz"
)
"""What of a package's files is run, or says what is."""

_OWN_SCRIPTS: Final = (
    '$3 == "" && $1 ~ /^\\/etc\\/(init\\.d|update-motd\\.d|cron\\.[a-z]+|grub\\.d|NetworkManager\\/dispatcher\\.d|network\\/if-[a-z-]+\\.d)\\//'
    ' { print $2 "  " $1 }'
)
"""What packages bring under /etc that is started as it is; people change it, and seldom."""

_ELSEWHERE: Final = " -o ".join(
    [
        *(
            f"-fstype {kind}"
            for kind in ("proc", "sysfs", "cgroup2", "nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "autofs", "squashfs")
        ),
        *(
            f"-path '{path}'"
            for path in (
                "/var/lib/docker/*",
                "/var/lib/containerd/*",
                "/var/lib/containers/*",
                "/var/lib/lxc/*",
                "/snap/*",
            )
        ),
    ]
)
"""Where other machines' and containers' files lie: their packages are not this host's."""

_NUL: Final = "printf '\\000'"

FIRST: Final = (
    Section(
        "system",
        f"cat /etc/os-release; {_NUL}; uname -r; {_NUL}; [ -d /run/systemd/system ] && echo systemd; {_NUL}; "
        "grep '^btime ' /proc/stat",
        (),
        limit=65_536,
    ),
    Section("leave", "{leave}", (), limit=65_536),
    Section("passwd", "getent passwd", ("accounts", "keys", "files", "processes")),
    Section("group", "getent group", ("accounts",)),
    Section("passwords", "r passwd -S -a", ("accounts",), ("passwd -S -a",)),
    Section("sshd", "r sshd -T", ("keys",), ("sshd -T",), limit=_MIB),
    Section(
        "configured",
        "{ r find -L /etc/ssh -maxdepth 2 -type f -size -256k ! -name moduli ! -exec grep -q 'PRIVATE KEY' {} \\; -print0; } 2>/dev/null"
        " | r tar --create --file=- --format=gnu --absolute-names --no-recursion --dereference"
        " --ignore-failed-read --null --verbatim-files-from --files-from=-",
        ("keys",),
        ("find", "tar"),
        limit=_MIB,
    ),
    Section("placed", _places(f"-printf '{_FIND}'"), ("files", "keys"), ("find",), limit=16 * _MIB),
    Section(
        "contents",
        "{ "
        + _places(f"{_SMALL} ! -name '*.so' ! -name '*.so.[0-9]*' ! -path '/usr/lib/systemd/*-generators/*' -print0")
        + "\n} | r tar --create --file=- --format=gnu --absolute-names --no-recursion"
        " --ignore-failed-read --null --verbatim-files-from --files-from=-",
        ("files", "keys"),
        ("find", "tar"),
        limit=16 * _MIB,
    ),
    Section(
        "pids",
        "l() { find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\\n'; }; " + f"l; {_NUL}; "
        "m=$({ cut -d' ' -f5 /proc/loadavg; l; } | sort -n | tail -n 1); [ \"$m\" -le 500000 ] && seq -f '/proc/%.0f/status' 1 \"$m\" | xargs grep -sH '^Tgid:'; "
        f"{_NUL}; l; {_NUL}; grep -E ' /proc/[0-9]+(/[^ ]*)? ' /proc/self/mountinfo; true",
        ("hidden",),
        limit=16 * _MIB,
    ),
    Section(
        "processes",
        "find /proc -mindepth 2 -maxdepth 2 \\( -path '/proc/[0-9]*/stat' -o -path '/proc/[0-9]*/status' -o -path '/proc/[0-9]*/cmdline' \\)"
        " -exec grep -azZH '' {} +",
        ("processes",),
        limit=16 * _MIB,
    ),
    Section(
        "executables",
        "r find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/exe' -printf '%p\\0%l\\0'",
        ("processes",),
        ("find",),
    ),
    Section("sockets", "r ss -HtunapO", ("connections",), ("ss",), limit=16 * _MIB),
    Section(
        "kernel",
        f"cat /proc/sys/kernel/tainted; {_NUL}; cat /proc/modules; {_NUL}; find /sys/module -mindepth 2 -maxdepth 2 -name initstate"
        f" -printf '%h\\n'; {_NUL}; find \"/lib/modules/$(uname -r)\" -name '*.ko*' -printf '%f\\n'; true",
        ("kernel",),
    ),
    Section("pinned", "r find /sys/fs/bpf -mindepth 1 -maxdepth 4 -printf '%p\\0'; true", ("pinned",), ("find",)),
    Section(
        "boot",
        f"cat /proc/cmdline; {_NUL}; find /var/lib/dpkg/status /var/lib/rpm /usr/lib/sysimage/rpm -maxdepth 1 -type f -printf '%C@\\n'; {_NUL}; "
        "r grep -hE '^[[:space:]]*(linux|linuxefi|options)[[:space:]]' /boot/grub/grub.cfg /boot/grub2/grub.cfg; "
        f"{_NUL}; r find /boot -xdev -maxdepth 2 -type f \\( -name 'initr*' -o -name 'vmlinu*' -o -name grub.cfg \\) -printf '%C@\\0%p\\0'; true",
        ("boot",),
        ("find", "grep"),
    ),
    Section(
        "records",
        f"{_INTO_HOMES}r find /var/log/wtmp /var/log/btmp /var/log/lastlog /var/log/auth.log /var/log/secure /var/log/syslog /var/log/messages"
        " /var/log/audit/audit.log \"$@\" -maxdepth 1 -type l \\( -path '/var/log/*' -o -name '.*_history' \\) -printf '%p\\0%l\\0'; true",
        ("records",),
        ("find",),
    ),
    Section("lastlog", "command -v lastlog >/dev/null && [ -s /var/log/lastlog ] && lastlog; true", ("records",)),
    Section(
        "wtmp",
        f"[ ! -f /var/log/wtmp ] || {{ stat -c %s /var/log/wtmp && {_NUL} && tail -c 1536000 /var/log/wtmp; }}",
        ("records",),
    ),
    Section(
        "packages",
        "if [ -d /var/lib/dpkg/info ]; then dpkg-query -W -f '${Package}\\n'; else rpm -qa --qf '%{NAME}\\n'; fi",
        ("packages",),
    ),
    Section("diversions", "cat /var/lib/dpkg/diversions; true", ("altered", "owners")),
    Section(
        "privileged",
        f"r find / \\( {_ELSEWHERE} \\) -prune -o -type f -perm /6000 -printf '{_FIND}'",
        ("privileged",),
        ("find",),
    ),
    Section(
        "capabilities",
        "if command -v getcap >/dev/null; then r getcap -r /usr/bin /usr/sbin /usr/lib /usr/libexec /usr/local /opt /home /root /srv /tmp"
        " /var/tmp /dev/shm; else (exit 127); fi",
        ("capabilities",),
        ("getcap",),
    ),
    Section(
        "altered",
        "if [ -d /var/lib/dpkg/info ]; then cd / && { find /var/lib/dpkg/info -name '*.md5sums' -exec cat {} + | "
        f"grep -E '{_OWN_CODE}'; dpkg-query -W -f '${{Conffiles}}\\n' | awk '{_OWN_SCRIPTS}'; }} | r md5sum -c --quiet; "
        "else r rpm -Va --nomtime; fi",
        ("altered",),
        ("md5sum -c --quiet", "rpm -Va --nomtime"),
        limit=2 * _MIB,
    ),
)
"""What is asked first, the fleeting before the lasting and the quick before the slow."""

OWNERS: Final = (
    "IFS= read -r c; if [ -d /var/lib/dpkg/info ]; then head -c \"$c\" | grep -rHFx --include='*.list' -f - /var/lib/dpkg/info; else "
    "{ head -c \"$c\"; printf '\\t\\n'; rpm -qa --qf '[%{=NAME}\\t%{FILENAMES}\\n]'; } | "
    'awk -F\'\\t\' \'!d { if ($0 == "\\t") d = 1; else w[$0] = 1; next } ($2 in w) { print "/" $1 ".list:" $2 }\'; fi'
)
"""Packages of paths, of dpkg or of rpm, as ``…/<package>.list:<path>``. Reads the length of its list as a line, then a path a line."""

SECOND: Final = (
    Section(
        "linked",
        'IFS= read -r c; head -c "$c" | r tar --create --file=- --format=gnu --absolute-names --dereference --no-recursion'
        " --ignore-failed-read --null --verbatim-files-from --files-from=-",
        ("files", "keys"),
        ("tar",),
        limit=8 * _MIB,
    ),
    Section(
        "again",
        "IFS= read -r c; head -c \"$c\" | xargs -r grep -sH '^Tgid:'; " + _NUL + "; "
        "find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\\n'",
        ("hidden",),
    ),
    Section(
        "owners",
        OWNERS,
        ("owners",),
        limit=16 * _MIB,
    ),
)
"""What depends on what was found: contents of what links lead to, processes that seemed to hide, packages of paths. Each list is preceded
by its length as a line."""

MOST: Final = max(section.limit for section in (*FIRST, *SECOND))
"""Bytes of the largest section: a host that sends more without an end is not believed any further."""
