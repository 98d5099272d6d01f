"""The reports of a live sweep, from the document that the record has of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.sweep.report.page import page
from tenantry.sweep.report.pdf import pdf
from tenantry.sweep.report.restore import sweep_of

__all__ = ["html", "pdf"]


def html(document: Mapping[str, Any], title: str) -> str:
    """One self-contained file.

    Args:
        document: `tenantry.sweep.remembered.document`.
        title: the client, as people call them.
    """
    return page(sweep_of(document), title=title, document=document)
