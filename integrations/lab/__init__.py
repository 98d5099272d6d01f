"""A stateful stand-in for a Microsoft 365 tenant: Entra ID, Microsoft Graph, Exchange Online, and a sink for messages.

It promises to be as strict as the real services as far as their documentation and others' measurements tell, and, on demand, as unreliable. It is a tenant to
test, train and demonstrate against; nothing in it is secret, and it must listen on loopback only.

Under one base URL: ``/login/{tenant}/oauth2/v2.0/token``, ``/graph/v1.0/…`` and ``/graph/beta/…``,
``/exchange/adminapi/beta/{tenant}/InvokeCommand``, ``/sink/messages``, and ``/_lab/…`` to look behind the scenes and to set faults.

Known limits: one tenant, one application, application permissions only; no delta queries, no subscriptions, no licences; of each service what runbooks use.
"""

from __future__ import annotations

from integrations.lab.faults import FaultPlan, load_plan
from integrations.lab.lab import Lab
from integrations.lab.scenarios import SCENARIOS
from integrations.lab.server import LabServer, serve

__all__ = ["SCENARIOS", "FaultPlan", "Lab", "LabServer", "load_plan", "serve"]
