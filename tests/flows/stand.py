"""A home with a lab as its tenant, `tenantry up` in a process of its own, and Prefect's API as its UI uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from console import labtenant
from flows import launch
from flows.assembly import Installation
from flows.binding import RUN_TAG, bind
from flows.settings import client_environment
from integrations.lab import LabServer
from tenantry.decisions import approval_purpose, decide_all
from tenantry.errors import NotFound
from tenantry.home import Home
from tenantry.people import Authenticated
from tenantry.run import RunState
from tests.console.desk import PLAIN, SMALL
from tests.support.waiting import until

TENANT = "acme"
_BY_ROLE = {"approver": labtenant.APPROVER, "lead": labtenant.LEAD, "engineer": labtenant.ENGINEER}
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def command(*args: str) -> list[str]:
    return [sys.executable, "-c", "from console.main import main; main()", *args]


class Stand:
    """Lab, home and, when asked for, the service.

    Args:
        options: of `tenantry up`.
        packages: folder with an operator's own packages, that the service and the commands find tasks in.
    """

    def __init__(
        self, folder: Path, *, users: int = 30, options: Sequence[str] = (), packages: Path | None = None
    ) -> None:
        self.options = tuple(options)
        self.packages = packages
        self.home = Home(folder / "home").ensure()
        self.log = folder / "up.log"
        """What the service says; not in the home, whose disk may be full."""
        self.lab = labtenant.lab_for(TENANT, users=users)
        self.lab_server = LabServer(self.lab)
        self.lab_server.__enter__()
        self.service: subprocess.Popen[str] | None = None
        self.said: dict[str, str] = {}
        self._flow_runs: dict[str, str] = {}
        self._codes: dict[str, set[str]] = {}
        for text in (SMALL, PLAIN):
            name = text.splitlines()[0].removeprefix("id: ")
            (self.home.runbooks / f"{name}.yaml").write_text(text, encoding="utf-8")
        with self.opened() as installation:
            labtenant.register(installation, TENANT, self.lab_server.base_url, self.lab)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        if self.packages is not None:
            kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(self.packages), os.environ.get("PYTHONPATH")]))
        return {**kept, "TENANTRY_HOME": str(self.home.path)}

    @contextmanager
    def opened(self) -> Iterator[Installation]:
        with Installation.open(self.home) as installation:
            yield installation

    @property
    def victim(self) -> str:
        return str(self.lab.scenario_info()["compromised"][0])

    # --- the service --------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """`tenantry up`, until it says that it is ready."""
        self.begin_up()
        self.ready()

    def begin_up(self) -> None:
        """`tenantry up`."""
        log = self.log.open("ab")
        self.service = subprocess.Popen(
            command("up", *self.options, "--json"),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd="/",
        )

    def ready(self) -> None:
        """Until it says that it is."""
        assert self.service is not None
        assert self.service.stdout is not None
        line = self.service.stdout.readline()
        assert line, self.log.read_text(encoding="utf-8")
        self.said = json.loads(line)
        self.loopback = f"{self.said['local']}/api"
        self.api = httpx.Client(base_url=self.loopback, auth=self.credential, timeout=30)

    @property
    def credential(self) -> tuple[str, str]:
        user, _, password = (self.home.path / "prefect.credential").read_text(encoding="ascii").partition(":")
        return user, password

    def down(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.service is not None
        self.service.send_signal(number)
        code = self.service.wait(60)
        self.service = None
        return code

    def close(self) -> None:
        if self.service is not None:
            self.down()
        self.lab_server.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Prefect, as its UI uses it -----------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        answer = self._patiently(lambda: self.api.get(path))
        answer.raise_for_status()
        return answer.json()

    @staticmethod
    def _patiently(call: Callable[[], httpx.Response]) -> httpx.Response:
        """As Prefect's own clients: try again when SQLite was busy, and while the server is being started again."""
        deadline = time.monotonic() + 90
        while True:
            try:
                answer = call()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code != 503 or time.monotonic() > deadline:
                    return answer
            time.sleep(0.5)

    def post(self, path: str, body: Any = None) -> Any:
        answer = self._patiently(lambda: self.api.post(path, json=body if body is not None else {}))
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def delete(self, path: str) -> None:
        answer = self._patiently(lambda: self.api.delete(path))
        assert answer.is_success, (path, answer.status_code, answer.text)

    def deployment(self, runbook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def there() -> bool:
            answer = self._patiently(lambda: self.api.get(f"/deployments/name/{runbook}/tenantry"))
            if answer.is_success:
                found.update(answer.json())
            return bool(found)

        until(there, f"no deployment of {runbook}")
        return found

    def register(self) -> None:
        """Bring the deployments up to date, as `tenantry run` and the service do."""
        script = (
            "import asyncio\n"
            "from prefect import get_client\n"
            "from flows.assembly import Installation\n"
            "from flows.deployments import register\n"
            "async def work():\n"
            "    with Installation.open() as installation:\n"
            "        async with get_client() as client:\n"
            "            await register(installation, client)\n"
            "asyncio.run(work())\n"
        )
        self.python(script)

    def offer(self, runbook: str) -> None:
        """Bring the tenants in one runbook's form up to date, as :meth:`register` does for all, in a fraction of its time."""
        from flows.deployments import with_tenants  # and Prefect, which few that stand here need

        deployment = self.deployment(runbook)
        with self.opened() as installation:
            tenants = [tenant.name for tenant in installation.tenants.list()]
        schema = with_tenants(deployment["parameter_openapi_schema"], tenants)
        path = f"/deployments/{deployment['id']}"
        answer = self._patiently(lambda: self.api.patch(path, json={"parameter_openapi_schema": schema}))
        assert answer.is_success, (path, answer.status_code, answer.text)

    def python(self, script: str, *args: str, timeout: float = 120) -> str:
        """Run a script as a client of the service, in a process of its own: Prefect is set up once a process."""
        environment = {
            **self.environment,
            **client_environment(self.home, ":".join(self.credential), self.loopback),
        }
        done = subprocess.run(
            [sys.executable, "-c", script, *args],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, runbook: str, parameters: dict[str, Any], **more: Any) -> str:
        """Start a run as the form does. Returns the flow run's id."""
        deployment = self.deployment(runbook)
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, **more}
        return str(self.post(f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def begin(self, runbook: str, parameters: dict[str, Any], mode: str = "run") -> str:
        """Start a run as the installation itself does, for an alert say: the record knows it before Prefect does. Returns its
        id; its flow run has another one (:meth:`flow_of`)."""
        given = {name: value for name, value in parameters.items() if name != "tenant"}
        requester = {"person": None, "proven": False, "via": "test"}
        with self.opened() as installation:
            run_id = launch.prepare(installation, runbook, parameters["tenant"], given, mode, requester)
            body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "tags": [f"{RUN_TAG}{run_id}"]}
            made = self.post(f"/deployments/{self.deployment(runbook)['id']}/create_flow_run", body)["id"]
            bind(installation.journal, installation.state(run_id), made)
        self._flow_runs[run_id] = str(made)
        return run_id

    def flow_of(self, run_id: str) -> str:
        """The flow run that carries a run."""
        return self._flow_runs.get(run_id, run_id)

    def flow_run(self, flow_run_id: str) -> dict[str, Any]:
        return dict(self.get(f"/flow_runs/{self.flow_of(flow_run_id)}"))

    def wait_for(self, flow_run_id: str, *types: str, seconds: float = 90) -> dict[str, Any]:
        """Until the flow run is in a state of one of these types."""
        seen: list[dict[str, Any]] = []

        def there() -> bool:
            seen.append(self.flow_run(flow_run_id))
            return seen[-1]["state_type"] in types

        try:
            until(there, "", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{seen[-1]['state']} is none of {types}; {self.worker_log()}") from None
        return seen[-1]

    def wait_for_event(self, run_id: str, event: str, times: int = 1, seconds: float = 90) -> None:
        """Until the run's record holds the event so often."""

        def there() -> bool:
            try:
                return self.events(run_id).count(event) >= times
            except NotFound:
                return False

        until(there, f"no {event}; {self.worker_log()}", seconds=seconds)

    def flow_runs(self, runbook: str) -> list[dict[str, Any]]:
        body = {"flows": {"name": {"any_": [runbook]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 50}
        return list(self.post("/flow_runs/filter", body))

    def artifacts(self, flow_run_id: str) -> list[dict[str, Any]]:
        """The newest of each key."""
        body = {
            "artifacts": {"flow_run_id": {"any_": [flow_run_id]}},
            "sort": "CREATED_DESC",
            "limit": 100,
            "offset": 0,
        }
        newest: dict[str, dict[str, Any]] = {}
        for artifact in self.post("/artifacts/filter", body):
            newest.setdefault(artifact["key"], artifact)
        return list(newest.values())

    def set_state(self, flow_run_id: str, type: str, name: str | None = None) -> None:
        """As anybody can who can write to Prefect's API."""
        self.post(
            f"/flow_runs/{self.flow_of(flow_run_id)}/set_state", {"state": {"type": type, "name": name}, "force": True}
        )

    def command(self, *args: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """`tenantry …` in a process of its own."""
        return subprocess.run(
            command(*args),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def worker_log(self) -> str:
        log = self.home.run / "worker.log"
        return log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""

    def resume(self, flow_run_id: str, person: str, code: str, decision: str = "approve", reason: str = "") -> None:
        """Answer the form of a suspended run."""
        given = {"approver": person, "code": code, "decision": decision, "reason": reason}
        answer = self.post(f"/flow_runs/{flow_run_id}/resume", {"run_input": given})
        assert answer["status"] == "ACCEPT", answer

    def task_runs(self, flow_run_id: str, at_least: int = 1) -> list[dict[str, Any]]:
        """Of a flow run that has stopped, as soon as Prefect has written what its steps reported: that is done in batches.

        Args:
            at_least: how many there are, if not more.
        """
        found: list[dict[str, Any]] = []

        def written() -> bool:
            found[:] = self.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
            return len(found) >= at_least and all(task["state_type"] not in ("PENDING", "RUNNING") for task in found)

        until(written, "its steps are still shown as running")
        return found

    # --- the record, and people ---------------------------------------------------------------------------------------

    def state(self, run_id: str) -> RunState:
        with self.opened() as installation:
            return installation.state(run_id)

    def events(self, run_id: str) -> list[str]:
        with self.opened() as installation:
            return [record.event for record in installation.journal.records(run_id)]

    def writes(self) -> list[tuple[str, str, str]]:
        return [(entry["service"], entry["method"], str(entry["target"])) for entry in self.lab.audit]

    def code(self, person: str) -> str:
        """A code that is good now and that was not used in any test before. Waits for the next one when there is none."""
        used = self._codes.setdefault(person, set())
        found: list[str] = []

        def there() -> bool:
            with self.opened() as installation:
                codes = labtenant.codes(installation, person, datetime.now(UTC))
            # The first may lapse on its way; and a code makes those of earlier steps useless.
            good = [code.get_secret_value() for code in codes][1:]
            last = max((place for place, code in enumerate(good) if code in used), default=-1)
            found[:] = good[last + 1 :]
            if not found:
                time.sleep(1)
            return bool(found)

        until(there, "no unused code", seconds=95)
        used.add(found[0])
        return found[0]

    def wrong_code(self, person: str) -> str:
        with self.opened() as installation:
            good = {code.get_secret_value() for code in labtenant.codes(installation, person)}
        return next(text for text in ("000000", "111111", "222222", "333333") if text not in good)

    def answer(self, run_id: str) -> None:
        """Say yes to everything that is asked, by somebody of the role whose code was checked."""
        with self.opened() as installation:
            state = installation.state(run_id)
            for gate in state.open_gates():
                person = installation.people.get(_BY_ROLE[gate.request["role"]])
                proof = Authenticated(
                    person=person, at=installation.journal.clock.now(), method="totp", purpose=approval_purpose(run_id)
                )
                decide_all(installation.journal, installation.people, state, [gate], proof, "approve", "checked")
