"""`measures.cloud.keys_rotated`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_rotated_keys
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RotatedKey
from tenantry.sweep.check import Look


class KeysRotated(FactMeasure[RotatedKey]):
    """Encryption keys are replaced every year by the vendor.

    https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
    """

    name = "measures.cloud.keys_rotated"
    source = cloud_rotated_keys

    def subject(self, fact: RotatedKey) -> str:
        return fact.id

    def judge(self, fact: RotatedKey, look: Look) -> Iterable[str] | None:
        del look
        return [] if fact.rotates else ["it is never replaced"]
