"""Microsoft 365: accounts (Entra ID), mailboxes (Exchange Online) and the unified audit log of one tenant.

Start at :mod:`integrations.microsoft365.provider`. Permissions, vendor pages and limits stand at the top of each capability's module.
"""
