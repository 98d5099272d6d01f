"""`measures.linux.sshd_setting`"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    setting: Annotated[str, Field(pattern=r"^[a-z0-9]+$", description="Keyword of sshd_config(5), in lower case")]
    one_of: tuple[str, ...] = Field(default=(), description="Values it may have")
    none_of: tuple[str, ...] = Field(default=(), description="Members that its list must not have, as patterns (*)")
    at_most: int | None = Field(
        default=None, description="Number, or seconds, that it may not exceed; 0 is without end"
    )


class SshdSetting(HostMeasure):
    """Each SSH server of a host has a setting as it should be, in every condition under which another value would count.

    https://man.openbsd.org/sshd_config
    """

    name = "measures.linux.sshd_setting"
    Params = Setting
    parts = ("sshd", "contents")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if not host.sshd:
            return None
        key = self.p.setting
        wrong = [
            f"{key} is {' '.join(values) or 'not set'}{f' ({server.file})' if server.file else ''}"
            for server in host.sshd
            if (values := server.settings.get(key, ())) is not None and not self._fine(values)
        ]
        wrong += [f"{key} is {value} for some (Match)" for value in _matched(host, key) if not self._fine((value,))]
        return wrong

    def _fine(self, values: tuple[str, ...]) -> bool:
        if self.p.one_of and not (values and all(value.lower() in self.p.one_of for value in values)):
            return False
        if self.p.none_of:
            members = [one for value in values for one in value.lower().split(",")]
            patterns = [re.compile(".*".join(map(re.escape, one.split("*")))) for one in self.p.none_of]
            if not members or any(pattern.fullmatch(one) for pattern in patterns for one in members):
                return False
        if self.p.at_most is not None:
            numbers = [_number(value) for value in values]
            return bool(numbers) and all(number is not None and 0 < number <= self.p.at_most for number in numbers)
        return True


def _number(value: str) -> int | None:
    """A count, or a time as sshd_config(5) writes it, in seconds."""
    parts = re.findall(r"(\d+)([smhdw]?)", value.lower())
    if not parts or "".join(number + unit for number, unit in parts) != value.lower():
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _matched(host: HostPosture, key: str) -> Iterator[str]:
    """Values that stand below a Match, in whatever file: ``sshd -T`` tells what holds without one."""
    inside = ""
    for path, line in host.settings("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/"):
        word, _, value = line.replace("=", " ", 1).partition(" ")
        if word.lower() == "match":
            inside = path if value.strip().lower() != "all" else ""
        elif inside == path and word.lower() == key:
            yield value.strip().strip('"').lower()
