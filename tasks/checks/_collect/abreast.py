"""Asking about many things at once; integrations do so too, so it lies where both may take it from."""

from __future__ import annotations

from tenantry.abreast import abreast

__all__ = ["abreast"]
