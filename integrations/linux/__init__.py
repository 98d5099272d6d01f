"""Linux hosts over SSH, without an agent: ``host`` of one tenant.

Start at :mod:`integrations.linux.provider`. What needs root stands in :mod:`integrations.linux.sudo`.
"""
