"""The vault broker as the service runs it: with a way to the estate's secret stores, which `tenantry.broker` itself knows nothing of."""

from __future__ import annotations

import sys

from flows import interpreter
from flows.stores import store_opener
from tenantry.broker.process import main

if __name__ == "__main__":
    interpreter.settle()
    sys.exit(main(store_opener))
