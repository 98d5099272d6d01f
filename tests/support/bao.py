"""A real OpenBao server in memory, started once for the tests of a process: AppRoles, seals and mounts as they ask for."""

from __future__ import annotations

import re
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretBytes

from integrations.openbao.store import OpenBaoSettings, OpenBaoStore

POLICY = """
path "{mount}/data/{prefix}/*"     {{ capabilities = ["create", "read", "update"] }}
path "{mount}/destroy/{prefix}/*"  {{ capabilities = ["update"] }}
path "{mount}/metadata/{prefix}/*" {{ capabilities = ["create", "read", "update", "list", "delete"] }}
"""
"""As integrations/openbao says; no more."""


class Bao:
    """The server. Its root token is the tests' own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.log = folder / "bao.log"
        self.root = secrets.token_hex(8)
        self._roles = 0
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *(str(Path(sys.executable).parent / "bao"), "server"),
                    *("-dev", f"-dev-root-token-id={self.root}", f"-dev-listen-address=127.0.0.1:{port}"),
                    *("-dev-no-store-token", "-log-level=warn"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
            )
        self.api = httpx.Client(
            base_url=f"{self.address}/v1/", headers={"X-Vault-Token": self.root}, trust_env=False, timeout=20
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.api.get("sys/health").status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        while (found := re.search(r"Unseal Key: (\S+)", self.log.read_text())) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self._unseal_key = found[1]
        self.call("POST", "sys/auth/approle", {"type": "approle"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        self.process.kill()
        self.process.wait()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.api.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        self.call("PUT", "sys/unseal", {"key": self._unseal_key})
        deadline = time.monotonic() + 20
        while self.api.get("sys/health").status_code != 200 or self.api.get("sys/mounts").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def role(self, prefix: str, *, mount: str = "secret", uses: int = 0, **more: Any) -> str:
        """A role that may use the prefix; its id."""
        self._roles += 1
        name = f"tenantry-{self._roles}"
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": POLICY.format(mount=mount, prefix=prefix)})
        self.call(
            "POST",
            f"auth/approle/role/{name}",
            {"token_policies": name, "secret_id_num_uses": uses, "token_ttl": "20m", **more},
        )
        return name

    def secret_id(self, role: str) -> str:
        return str(self.call("POST", f"auth/approle/role/{role}/secret-id", {})["data"]["secret_id"])

    def settings(self, role: str, prefix: str, **more: Any) -> dict[str, Any]:
        role_id = self.call("GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
        return {"address": self.address, "role_id": role_id, "prefix": prefix, **more}

    def store(self, *, uses: int = 0, secret_id: str | None = None, prefix: str = "", **more: Any) -> OpenBaoStore:
        """A store with a role and a prefix of its own."""
        prefix = prefix or f"tenantry-{secrets.token_hex(6)}"
        role = self.role(prefix, uses=uses, **more)
        given = secret_id or self.secret_id(role)
        settings = OpenBaoSettings.model_validate(self.settings(role, prefix))
        return OpenBaoStore("bao", settings, lambda: SecretBytes(given.encode()))
