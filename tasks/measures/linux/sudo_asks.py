"""`measures.linux.sudo_asks`"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_GRANT: Final = re.compile(r"^(?P<who>[^\s=]+)\s.*=.*\bNOPASSWD\s*:")


class SudoAsks(HostMeasure):
    """sudo asks whoever uses it for a password; the account that the MSP signs in with by key is the only exception. sudoers(5)."""

    name = "measures.linux.sudo_asks"
    parts = ("contents",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if "/etc/sudoers" not in host.contents:
            return None
        wrong = []
        for path, line in _lines(host):
            found = _GRANT.match(line)
            if found and found["who"] not in (host.responder_account, "root"):
                wrong.append(f"{found['who']} is asked for none ({path})")
            elif re.match(r"Defaults\b.*!authenticate\b", line):
                wrong.append(f"nobody is asked for one ({path})")
        return wrong


def _lines(host: HostPosture) -> Iterator[tuple[str, str]]:
    """Lines of sudoers, where a number sign before a digit is an account's number and no comment."""
    for path, content in sorted(host.contents.items()):
        if path == "/etc/sudoers" or path.startswith("/etc/sudoers.d/"):
            for line in content.replace("\\\n", " ").splitlines():
                yield path, re.split(r"#(?!\d)", line)[0].strip()
