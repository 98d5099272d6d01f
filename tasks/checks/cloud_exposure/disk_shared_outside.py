"""`checks.cloud_exposure.disk_shared_outside`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_disks
from tenantry.capabilities import SharedDisk
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class DiskSharedOutside(Check[SharedDisk]):
    """A snapshot or image may be copied by a stranger, or by everybody.

    ATT&CK T1537; https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html
    """

    name = "checks.cloud_exposure.disk_shared_outside"
    title = "Disk shared outside"
    severity = "high"
    attack = ("T1537",)
    remedy = "Take the share back (cloud.unshare_snapshot); what was copied meanwhile is gone."
    collect = cloud_disks

    def evaluate(self, fact: SharedDisk, look: Look) -> Iterable[Finding]:
        outside = [whom for whom in fact.shared_with if whom not in look.known.cloud_accounts]
        # An organisation's resource name names the account that manages it.
        strangers = [whom for whom in outside if not whom.startswith("arn:")]
        inside = [
            whom for whom in outside if whom.startswith("arn:") and whom.split(":")[4] not in look.known.cloud_accounts
        ]
        if strangers or inside:
            yield self.finding(
                ("disk", fact.id),
                f"the {fact.kind} {fact.name or fact.id} is shared with "
                + ", ".join("everybody" if whom == "all" else whom for whom in (*strangers, *inside)),
                severity="critical" if "all" in strangers else None if strangers else "low",
                shared_with=[*strangers, *inside],
                region=fact.region,
            )
