"""moto as S3, in a process of its own: ``python -m benchmarks.transfer.s3_server PORT``. It ends with SIGTERM.

moto's own server looks through its folder of services at every request, compares the host with some hundred patterns, and writes a line
to its log: half of what a small file costs there, on either side of a comparison, and nothing of it is S3's. Here a host's service is looked
for once, and nothing is logged. What is answered is moto's, unchanged.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class _Dispatcher(DomainDispatcherApplication):
    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class _Silent(MotoRequestHandler):
    def log(self, *args: Any) -> None:
        """Nothing: nobody reads it."""


def main() -> None:
    """Serve on the loopback until the process is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_server("127.0.0.1", int(sys.argv[1]), _Dispatcher(), threaded=True, request_handler=_Silent).serve_forever()


if __name__ == "__main__":
    main()
