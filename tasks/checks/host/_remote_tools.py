"""Programs for remote access and tunnels as a host shows them: by process, unit, package and where they connect.

Names are those of the vendors' own packages and manuals. Renamed ones are found by other checks: by place, package and connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["TOOLS", "RemoteTool", "named"]


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """One product.

    Attributes:
        name: as the tenant's file names it among its tools.
        programs: names of executables and processes.
        packages: beginnings of names of packages, and of units.
        tunnel: it makes a way in where there is none, and is seldom an MSP's.
    """

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...] = ()
    tunnel: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a program's name matches."""
        return re.compile("|".join(f"(?:{one})" for one in self.programs), re.IGNORECASE)


TOOLS: Final = (
    RemoteTool("anydesk", ("anydesk",), ("anydesk",)),
    RemoteTool("screenconnect", ("screenconnect\\S*", "connectwisecontrol\\S*"), ("screenconnect", "connectwisecontrol")),
    RemoteTool("teamviewer", ("teamviewerd?", "teamviewer_\\S+"), ("teamviewer",)),
    RemoteTool("rustdesk", ("rustdesk",), ("rustdesk",)),
    RemoteTool("atera", ("ateraagent\\S*", "atera-agent"), ("ateraagent", "atera")),
    RemoteTool("splashtop", ("splashtop\\S*", "srstreamer", "srserver", "srfeature"), ("splashtop",)),
    RemoteTool("meshcentral", ("meshagent\\S*",), ("meshagent",)),
    RemoteTool("tacticalrmm", ("tacticalagent", "tacticalrmm"), ("tacticalagent",)),
    RemoteTool("ninjaone", ("ninjarmm\\S*", "ninja-?remote\\S*", "njbar\\S*"), ("ninjarmm", "ninjaone")),
    RemoteTool("dwservice", ("dwagent", "dwagsvc", "dwaglnc"), ("dwagent",)),
    RemoteTool("supremo", ("supremo\\S*",), ("supremo",)),
    RemoteTool("nomachine", ("nxserver\\S*", "nxnode\\S*", "nxd"), ("nomachine",)),
    RemoteTool("chrome-remote-desktop", ("chrome-remote-desktop\\S*",), ("chrome-remote-desktop",)),
    RemoteTool("bomgar", ("bomgar-\\S+", "sra-pin"), ("bomgar",)),
    RemoteTool("logmein", ("logmein\\S*", "lmi\\S*guardian"), ("logmein",)),
    RemoteTool("remoteutilities", ("rutserv\\S*", "remoting_host"), ("remote-utilities",)),
    RemoteTool("simplehelp", ("simplehelp\\S*", "remote access\\S*service"), ("simplehelp",)),
    RemoteTool("level", ("level-?(?:io|agent|windows|linux)\\S*",), ("level-agent",)),
    RemoteTool("action1", ("action1_?agent\\S*",), ("action1",)),
    RemoteTool("pulseway", ("pulsewayd?",), ("pulseway",)),
    RemoteTool("kaseya", ("kaseya\\S*", "kagentd?"), ("kaseya",)),
    RemoteTool("datto", ("cagservice", "aemagent"), ("centrastage",)),
    RemoteTool("n-able", ("n-?ableagent", "nagent", "rmmagentd"), ("nagent", "rmmagent")),
    RemoteTool("ngrok", ("ngrok",), ("ngrok",), True),
    RemoteTool("cloudflared", ("cloudflared",), ("cloudflared",), True),
    RemoteTool("tailscale", ("tailscaled?",), ("tailscale",), True),
    RemoteTool("zerotier", ("zerotier-one", "zerotier-cli"), ("zerotier",), True),
    RemoteTool("netbird", ("netbird",), ("netbird",), True),
    RemoteTool("twingate", ("twingated?",), ("twingate",), True),
    RemoteTool("frp", ("frpc", "frps"), ("frpc", "frps"), True),
    RemoteTool("chisel", ("chisel",), ("chisel",), True),
    RemoteTool("gost", ("gost",), ("gost.service",), True),
    RemoteTool("gs-netcat", ("gs-netcat", "gsocket", "gs-sftp", "defunct-gs"), ("gsocket",), True),
    RemoteTool("rathole", ("rathole",), ("rathole",), True),
    RemoteTool("localtonet", ("localtonet", "lt", "localxpose", "loclx"), ("localtonet",), True),
    RemoteTool("vscode-tunnel", ("code-tunnel",), ("code-tunnel",), True),
    RemoteTool("tmate", ("tmate",), ("tmate",), True),
    RemoteTool("sshx", ("sshx",), ("sshx",), True),
    RemoteTool("teleport", ("teleport",), ("teleport",), True),
    RemoteTool("softether", ("vpnclient", "vpnserver", "vpnbridge"), ("softether",), True),
)  # fmt: skip
_PATTERNS: Final = tuple((tool, tool.pattern) for tool in TOOLS)


def named(program: str) -> RemoteTool | None:
    """Which product a program's name is of."""
    return next((tool for tool, pattern in _PATTERNS if pattern.fullmatch(program)), None)
