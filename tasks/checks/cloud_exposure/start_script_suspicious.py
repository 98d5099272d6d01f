"""`checks.cloud_exposure.start_script_suspicious`"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import cloud_machines
from tenantry.capabilities import Machine
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_SIGNS: Final = {
    "a miner": re.compile(
        r"stratum\+\w+://|\b(?:xmrig|minerd|nbminer|cpuminer|nicehash|supportxmr|moneroocean)\b", re.I
    ),
    "a shell that calls out": re.compile(
        r"/dev/(?:tcp|udp)/[\w.:-]+/\d+|\bn(?:c|cat|etcat)\b[^\n|;]{0,400}\s-\w*e\b|\bsocat\b[^\n]{0,400}\bexec:", re.I
    ),
    "code from a bare address": re.compile(
        r"\b(?:curl|wget)\b[^\n|;]{0,400}https?://(?!169\.254\.|10\.|192\.168\.|127\.)\d{1,3}(?:\.\d{1,3}){3}[^\n|;]{0,400}(?:\||&&|;)\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
        re.I,
    ),
    "hidden code": re.compile(
        r"base64\s+(?:-d|--decode|-D)\b[^\n;]{0,400}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b"
        r"|\b(?:powershell|pwsh)\b[^\n]{0,400}\s-e(?:nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{60,}"
        r"|\bIEX\b[^\n]{0,400}DownloadString\(\s*['\"]http://",
        re.I,
    ),
    "credentials that are sent away": re.compile(
        r"iam/security-credentials(?=[\s\S]{0,600}\b(?:curl|wget|Invoke-WebRequest)\b[^\n]{0,400}(?:\s-d\b|--data|--post|\s-F\b|\s-T\b|-Body\b))"
    ),
}
"""Bounded everywhere: whoever writes a script must not hold up the sweep with it."""


class StartScriptSuspicious(Check[Machine]):
    """An instance runs at each start what intruders run: a miner, a shell that calls out, code from a bare address, credentials that are sent away.

    ATT&CK T1059, T1578; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    """

    name = "checks.cloud_exposure.start_script_suspicious"
    title = "Suspicious start script"
    severity = "high"
    attack = ("T1059", "T1578")
    remedy = "Isolate the instance (cloud.isolate_instance), keep its disk, and see who set the script."
    collect = cloud_machines

    def evaluate(self, fact: Machine, look: Look) -> Iterable[Finding]:
        script = fact.script.get_secret_value()
        met = sorted(what for what, pattern in _SIGNS.items() if pattern.search(script))
        if met:
            # The script itself may hold passwords: what was met, and a digest by which it is known again.
            yield self.finding(
                ("instance", fact.id),
                f"the start script of {fact.name or fact.id} in {fact.region} has {', '.join(met)}",
                signs=met,
                sha256=hashlib.sha256(script.encode()).hexdigest(),
                launched_at=fact.launched_at.isoformat(),
            )
