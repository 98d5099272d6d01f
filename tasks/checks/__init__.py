"""Checks of the compromise sweep: one file each, `tenantry.sweep.check` is their contract."""
