"""The `tenantry` command with Prefect's server on another database: ``python -m benchmarks.alerts_start.up_on up``.

For comparisons alone. The address comes by the environment, because it has a password in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from console.main import main
from flows import server
from flows.settings import server_environment
from tenantry.home import Home

__all__ = ["DATABASE"]

DATABASE: Final = "TENANTRY_BENCH_DATABASE"


def _elsewhere(home: Home, credential: str, port: int, base: Mapping[str, str]) -> dict[str, str]:
    usual = server_environment(home, credential, port, base)
    return {**usual, "PREFECT_API_DATABASE_CONNECTION_URL": os.environ[DATABASE]}


if __name__ == "__main__":
    server.server_environment = _elsewhere  # type: ignore[attr-defined]  # imported there, and called by that name
    main()
