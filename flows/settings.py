"""Prefect's settings for this home: one place that every process of the platform takes them from.

Set in the environment before Prefect is imported, because Prefect reads its settings at import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flows import empty_database
from tenantry.home import Home

_QUIET: Final[dict[str, str]] = {
    # No calls home, no question on a terminal.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    # Start latency (ARCHITECTURE.md, "Prefect"): one request fewer for each client.
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
    # Results would be pickled to disk; the journal remembers, Prefect need not.
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_REFRESH_CACHE": "false",
}

_LEAN: Final[dict[str, str]] = {
    # Start: nothing here uses Prefect's blocks, which it would otherwise compare with its database each time.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    # It would import every collection, our worker among them, to find out whether there is something to compare.
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # What steps report is written in batches, a second late at most, instead of one transaction for each word of theirs: in a burst
    # the server's own work is the limit. (The recorder takes whole seconds; 0 would spin.)
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "20",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "20",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "20",
    # A run that found no slot under a deployment's concurrency limit looks again so many seconds later, instead of 30.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
    # A run that a person answered hours later is not late.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
}


def server_environment(home: Home, credential: str, port: int, base: Mapping[str, str]) -> dict[str, str]:
    """Environment of the Prefect server process: its own home below ours, the credential required, loopback only."""
    return {
        **base,
        **_QUIET,
        "TENANTRY_HOME": str(home.path),
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{empty_database.database(home)}",
        "PREFECT_SERVER_API_AUTH_STRING": credential,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        **_LEAN,
    }


def no_authority(home: Home) -> Path:
    """A certificate that vouches for nobody, made at the first call, its key forgotten. Prefect's client reads the whole store
    of authorities whenever it is made (some 40 ms); over loopback it speaks no TLS and needs none of them."""
    path = home.run / "no-authority.pem"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(_certificate())
        temporary.replace(path)
    return path


def client_environment(home: Home, credential: str, api_url: str) -> dict[str, str]:
    """What any process that talks to the server needs."""
    loopback = api_url.startswith("http://127.0.0.1:")
    return {
        **_QUIET,
        **({"PREFECT_API_SSL_CERT_FILE": str(no_authority(home))} if loopback else {}),
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_API_URL": api_url,
        "PREFECT_API_AUTH_STRING": credential,
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # What steps say of themselves is for the run's page.
        "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
        "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "INFO",
        "TENANTRY_HOME": str(home.path),
    }


def worker_environment(home: Home, credential: str, api_url: str, base: Mapping[str, str]) -> dict[str, str]:
    """Environment of the worker, and so of its children. Nothing of the broker's: children are told when they get their run."""
    kept = {name: value for name, value in base.items() if not name.startswith(("TENANTRY_BROKER_", "PREFECT_"))}
    return {
        **kept,
        **client_environment(home, credential, api_url),
        # Ours to do: Prefect's own observer knows only runs that its base class submitted.
        "PREFECT_WORKER_ENABLE_CANCELLATION": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


def _certificate() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


def use(environment: Mapping[str, str]) -> None:
    """Make this process a client. Before the first import of Prefect."""
    os.environ.update(environment)
