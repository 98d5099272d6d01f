"""A campaign of compliance sweeps over many lab clients, in another process: requests, wall clock at 50 ms, memory, and what Prefect is told.

Requests: what goes over the wire against the fewest that ask the same (:mod:`benchmarks.wire`), over all clients.

Wall clock: no client's sweep can end before the requests that wait for one another have been answered: a sign-in, then whatever is asked
first, then what is asked about those answers. How long that chain is is read off the wire: of one client's requests the most of which each
went out after the one before it was answered. A campaign of so many at once takes at least

    latency x chain x ceil(clients / at once)

The lab answers from another process; our own CPU, which one process has one core's worth of, stands beside it, because where it is more than
the latency's bound no concurrency helps.

Prefect: a campaign is carried by the engine and makes no run of Prefect's; a client's regular sweep makes one flow run. How many task runs
one has is counted from its record: a step of the runbook is one, however many requests it makes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import statistics
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.wire import Asked, listened
from flows import campaign
from flows.assembly import Installation
from flows.complying import RUNBOOK
from integrations.http import Limits
from tenantry import tether

__all__ = ["Labs", "carried", "labs_process", "measure"]
