"""The Prefect server as a tethered process: ``python -m flows.server_process PORT``. Settings come from the environment."""

from __future__ import annotations

import sys

from tenantry import tether


def main() -> None:
    tether.hold()
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
