"""Prefect's database as its server makes it at the first start, made once for this installation: ``python -m flows.empty_database``.

The first start of a server applies some hundred migrations one after the other, which takes seconds of processor time for the same
result each time. ``make install`` does it once; each new home starts from a copy. Where there is none, or one of another version of
Prefect, the server makes its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tenantry.home import Home


def prepared() -> Path:
    """Where the empty database of this installation's Prefect is, or would be."""
    return Path(sys.prefix) / "share" / "tenantry" / f"prefect-{version('prefect')}.db"


def database(home: Home) -> Path:
    """Prefect's database of a home."""
    return home.prefect / "prefect.db"


def lay(home: Home) -> bool:
    """Give a home that has no database a copy of the empty one. Whoever comes second changes nothing.

    Returns:
        whether it did.
    """
    target, source = database(home), prepared()
    if target.exists() or not source.is_file():
        return False
    descriptor, temporary = tempfile.mkstemp(prefix="prefect-", dir=target.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as written, source.open("rb") as read:
            shutil.copyfileobj(read, written)
        os.link(temporary, target)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink()
    return True


def make() -> Path:
    """Make the empty database, unless there is one. Holds tables and nothing in them but the number of the last migration."""
    target = prepared()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "prefect.db"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            "PREFECT_HOME": folder,
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{made}",
            "DO_NOT_TRACK": "1",
        }
        subprocess.run([sys.executable, "-c", _MIGRATE], env=environment, check=True, cwd="/")  # noqa: S603  # our own
        with contextlib.closing(sqlite3.connect(made)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
        made.replace(target)
    return target


_MIGRATE = """\
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""

if __name__ == "__main__":
    make()
