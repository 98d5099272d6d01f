"""What it finds on hosts is tested with the collector; the detections with their own events."""

from __future__ import annotations

from tasks.checks.host.ssh_sign_in_guessed import SshSignInGuessed
from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections


def test_it_names_detections_that_there_are() -> None:
    loaded = Detections.load("sshd", (SHIPPED / "detections",))
    names = {rule.key for rule in loaded.rules.rules} | {one.described.key for one in loaded.rules.correlations}
    assert set(SshSignInGuessed.rules) <= names
