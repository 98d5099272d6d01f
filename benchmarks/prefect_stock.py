"""What `tenantry bench alerts-start` compares with: the same runbook under Prefect's stock ``serve()``, in a process of its own::

    python -m benchmarks.prefect_stock RUNBOOK

How often it polls stands in ``PREFECT_RUNNER_POLL_FREQUENCY``. Every flow run is executed as Prefect does it: a fresh interpreter,
which imports the flow from its entrypoint.
"""

from __future__ import annotations

import sys

from tenantry import tether

NAME = "stock"
"""Of the deployment; the flow's name before it is the runbook's id."""


def main() -> None:
    """Does not return before it is told to end."""
    tether.hold()
    from prefect import serve
    from prefect.deployments.runner import RunnerDeployment

    from flows.assembly import Installation
    from flows.deployments import entrypoint
    from flows.factory import flow_of

    with Installation.open() as installation:
        runbook = installation.catalog.get(sys.argv[1])
    deployment = RunnerDeployment.from_flow(flow_of(runbook), name=NAME, enforce_parameter_schema=False)
    deployment.entrypoint = entrypoint(runbook)
    serve(deployment, print_starting_message=False)


if __name__ == "__main__":
    main()
