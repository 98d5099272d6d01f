"""The benchmarks by name, and how they are run: one after the other, each in a process of its own.

Imports nothing heavy, so that the command line can name them at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tenantry.errors import InvalidInput, TenantryError

if TYPE_CHECKING:
    from tenantry.home import Home

__all__ = ["BENCHES", "BenchmarkFailed", "Spec", "run", "select"]

Say = Callable[[str], None]


class BenchmarkFailed(TenantryError):
    """A benchmark could not be carried out. (One that misses its target has not failed: it says so.)"""

    code = "benchmark_failed"
    remedy = "What it printed stands above; run it alone with `tenantry bench NAME`."


@dataclass(frozen=True, slots=True)
class Spec:
    """One benchmark.

    Attributes:
        target: ``module:function``; the function takes a :class:`~benchmarks.model.Scale` and the option.
        option: handed to the function.
        server: needs the embedded Prefect server.
        summary: what it measures, in one line.
    """

    target: str
    summary: str
    option: Any = None
    server: bool = False


BENCHES: Final[dict[str, Spec]] = {
    "steps.journalled": Spec(
        "benchmarks.steps.journalled:measure", "one journalled step against one bare Prefect task", server=True
    ),
    **{
        f"steps.containment-{count}": Spec(
            "benchmarks.steps.containment:measure",
            f"containment of {count} account{'s' if count > 1 else ''} against the critical path of its calls",
            option=count,
            server=True,
        )
        for count in (1, 10, 100)
    },
    **{
        f"journal.append-{writers}": Spec(
            "benchmarks.journal.append:measure",
            f"durable appends by {writers} writer{'s' if writers > 1 else ''} against bare write and fsync of the same bytes",
            option=writers,
        )
        for writers in (1, 8)
    },
    "journal.verify": Spec("benchmarks.journal.verify:measure", "full verification of a record of 1,000,000 entries"),
    **{
        f"journal.timeline-{kind}": Spec(
            "benchmarks.journal.timeline:measure", f"a timeline of 1,000,000 events as {kind}", option=kind
        )
        for kind in ("jsonl", "timesketch")
    },
    **{
        f"sweep.logs-{rules}": Spec(
            "benchmarks.sweep.logs:measure",
            f"events a second of `sweep logs` with {rules} rules against the same rules in SQLite",
            option=rules,
        )
        for rules in (200, 800)
    },
    **{
        f"sweep.tenant-{what}": Spec("benchmarks.sweep.tenant:measure", f"`sweep tenant`: {summary}", option=what)
        for what, summary in (
            ("requests", "requests for 1,000 users against the fewest that ask the same"),
            ("wall", "wall clock for 1,000 users at 50 ms"),
            ("memory", "peak memory with 1,000 and with 20,000 users"),
        )
    },
    **{
        f"vault.{what}": Spec(
            "benchmarks.vault.embedded:measure",
            f"{what} among 10,000 secrets of 500 tenants, against plain SQLite and AES-GCM",
            option=what,
        )
        for what in ("put", "get", "list", "rotate-master")
    },
    "alerts-start.latency": Spec(
        "benchmarks.alerts_start.latency:measure",
        "creating a flow run in another process to its first effect, against Prefect's serve()",
    ),
    "alerts.containment": Spec(
        "benchmarks.alerts.containment:measure", "an alert's POST to its first effect, against Prefect's serve()"
    ),
    "alerts.intake": Spec("benchmarks.alerts.storm:measure", "alerts kept durably in a second", option="intake"),
    "alerts.storm": Spec(
        "benchmarks.alerts.storm:measure", "10,000 alerts on 20 accounts: nothing lost, one run each", option="storm"
    ),
    "alerts-start.burst": Spec("benchmarks.alerts_start.burst:measure", "200 runs of five steps, created at once"),
    **{
        f"providers.graph-{what}": Spec(
            "benchmarks.providers.graph:measure", f"{summary} of Microsoft Graph, against plain httpx", option=what
        )
        for what, summary in (("paging", "100,000 users page by page"), ("batch", "400 users in batches"))
    },
    "providers.ssh": Spec(
        "benchmarks.providers.ssh:measure",
        "sign in to 50 hosts and run four commands on each, against paramiko",
        option=50,
    ),
    "providers.aws": Spec(
        "benchmarks.providers.aws:measure", "listing a cloud account's users, against a plain boto3 paginator"
    ),
    **{
        f"transfer.{what}": Spec(
            "benchmarks.transfer.handover:measure", f"handing over {summary}, against a plain copy", option=what
        )
        for what, summary in {
            "s3-small": "10,000 small files to S3",
            "s3-large": "one file of 1 GB to S3",
            "sftp-small": "10,000 small files by SFTP",
            "sftp-large": "one file of 1 GB by SFTP",
        }.items()
    },
    "dr.plan-60": Spec(
        "benchmarks.dr.plan:measure", "a plan of 60 systems against the critical path of its steps", option=60
    ),
    **{
        f"compliance.campaign-{what}": Spec(
            "benchmarks.compliance.campaign:measure", f"compliance of 100 clients: {summary}", option=what
        )
        for what, summary in (
            ("requests", "requests against the fewest that ask the same"),
            ("wall", "wall clock at 50 ms against requests x latency / clients at once"),
            ("memory", "peak memory after 20 and after 100 clients"),
        )
    },
    "compliance.prefect": Spec(
        "benchmarks.compliance.campaign:measure",
        "flow runs and task runs that a client's compliance sweep makes",
        option="prefect",
        server=True,
    ),
    "steps.help": Spec("benchmarks.steps.help:measure", "`tenantry --help`, from start to exit"),
}
"""Name → benchmark, in the order in which they run."""


def select(name: str | None) -> list[str]:
    """The benchmarks of a name: itself, or all whose names begin with it.

    Raises:
        InvalidInput: there is none.
    """
    if name is None:
        return list(BENCHES)
    found = [known for known in BENCHES if known == name] or [known for known in BENCHES if known.startswith(name)]
    if not found:
        raise InvalidInput(f"there is no benchmark {name!r} (there are: {', '.join(BENCHES)})", place="NAME")
    return found


def run(names: Sequence[str], *, quick: bool = False, say: Say = lambda _text: None) -> list[dict[str, Any]]:
    """Carry benchmarks out, each in a fresh process, so that its peak memory is its own.

    Args:
        names: of :data:`BENCHES`.
        quick: a few repetitions only.
        say: called with what happens next.

    Returns:
        a list of ``Bench``.

    Raises:
        BenchmarkFailed: one ended without a figure.
        ServerFailed: the embedded Prefect server did not start.
    """
    with _home() as home, contextlib.ExitStack() as stack:
        environment = {**os.environ, "TENANTRY_HOME": str(home.path), "TENANTRY_BENCH_QUICK": "1" if quick else ""}
        if any(BENCHES[name].server for name in names):
            from flows.server import EmbeddedServer

            say("starting a Prefect server (its first start builds a database)")
            server = stack.enter_context(_started(EmbeddedServer(home)))
            environment.update(server.environment(home))
        found: list[dict[str, Any]] = []
        for name in names:
            say(f"{name}: {BENCHES[name].summary}")
            found.append(_child(name, environment))
        return found


@contextlib.contextmanager
def _started(embedded: Any) -> Iterator[Any]:
    try:
        yield embedded.start()
    finally:
        embedded.stop()


@contextlib.contextmanager
def _home() -> Iterator[Home]:
    """A home of the benchmarks' own inside the machine's: same disk, and nothing of the real record is touched."""
    from tenantry.home import Home

    folder = Home.locate().ensure().run / f"bench-{secrets.token_hex(6)}"
    try:
        yield Home(folder).ensure()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _child(name: str, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(  # our own interpreter and module
        [sys.executable, "-m", "benchmarks.child", name],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode == 0:
        with contextlib.suppress(ValueError):
            found = json.loads(done.stdout)
            if isinstance(found, dict):
                return found
    raise BenchmarkFailed(f"the benchmark {name} ended with code {done.returncode} and without a figure")
