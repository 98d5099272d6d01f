"""Many labs in one process that ends with its parent, each with an address of its own.

``python -m benchmarks.compliance.labs_process N USERS AWAY`` registers ``client-000`` … in TENANTRY_HOME and prints one line of JSON, name →
address. At the addresses of the last AWAY nobody listens.
"""

from __future__ import annotations

import json
import sys
import threading

import yaml

from console import labtenant
from flows.assembly import Installation
from integrations.lab import LabServer
from tenantry import tether

_ELSEWHERE = ("hosts", "cloud")
"""Systems that a client of a compliance campaign has not: what is counted is Microsoft 365's."""


def main() -> None:
    """Does not return before it is told to end."""
    tether.hold()
    count, users, away = map(int, sys.argv[1:])
    begun: dict[str, str] = {}
    with Installation.open() as installation:
        for number in range(count):
            name = f"client-{number:03d}"
            lab = labtenant.lab_for(name, users=users, scenario="clean")
            server = LabServer(lab).start()
            labtenant.register(installation, name, server.base_url, lab)
            path = installation.tenants.path(name)
            text = path.read_text(encoding="utf-8")
            # By the mark it is known for a lab when the next figure begins.
            mark, file = text.partition("\n")[0], yaml.safe_load(text)
            file["providers"] = {key: one for key, one in file["providers"].items() if key not in _ELSEWHERE}
            shown = yaml.safe_dump(file, sort_keys=False, allow_unicode=True)
            path.write_text(f"{mark}\n{shown}", encoding="utf-8")
            begun[name] = server.base_url
            if number >= count - away:
                server.stop()
    print(json.dumps(begun), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
