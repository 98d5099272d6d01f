"""Amazon Web Services: ``cloud_identity``, ``cloud``, ``storage``, ``dns``, ``backup``, ``cloud_logs`` and ``findings`` of one account, to act on
and to look at; ``cloud_access``, ``cloud_watch``, ``cloud_exposure`` and ``cloud_hardening``, which only read, for the sweep and compliance.

The promise: a handle reaches the configured account and nothing else. It assumes a role there with the client's own external id, and what
was assumed is asked who it is before anything is done with it. The MSP's one credential (the hub's) signs nothing but that.

``provider.py`` has the settings, ``actions.py`` the IAM actions behind each method, ``caller.py`` how calls are made and what is repeated,
``errors.py`` what the vendor's errors mean.

Known limits: long-lived hub keys (with MFA) rather than an instance profile; commercial, China and GovCloud partitions by name, tried on
none but stand-ins; organisation-wide effects (service control policies) belong to the organisation's own account and are not here.
"""

from __future__ import annotations
