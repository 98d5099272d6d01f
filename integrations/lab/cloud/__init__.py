"""A stand-in cloud account beside the lab's tenant: the cloud capabilities in memory, with the lab's clock, faults and audit.

It plays no vendor's wire format: ``/cloud/<capability>/<method>`` takes a capability's arguments as JSON and answers with its models, so every
provider of a capability and this one are held to the same conformance suite. Reads are GET, writes are POST.

Known limits: one account; policies are kept, not evaluated, apart from what the scenario's attacker tries; no network behind the instances.
"""

from __future__ import annotations

from integrations.lab.cloud.account import CloudAccount
from integrations.lab.cloud.client import LabCloudHandle
from integrations.lab.cloud.service import CloudService

__all__ = ["CloudAccount", "CloudService", "LabCloudHandle"]
