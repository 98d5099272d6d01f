"""The process that warm children are forked from: ``python -m flows.zygote``, started by a worker (`flows.warm`).

It imports what a run needs and then does nothing but fork. It has one thread, because a fork of several copies locks that
nobody releases. Its standard input is the worker's end of a socket pair: each byte that arrives brings the descriptor of a new
child's channel, and the end of the stream is the end of this process. What became of a child goes back as a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from flows.assembly import Installation, preload
from tenantry.errors import TaskDefect

READY: Final = b'{"zygote": "ready"}\n'


def main() -> int:
    """Until the worker is gone. In a forked child: until its one run is done.

    Returns:
        exit code.

    Raises:
        TaskDefect: something that was imported started a thread.
    """
    from flows import child

    with Installation.open() as installation:
        preload(installation)
        child.preload(installation)
    if threads() > 1:
        raise TaskDefect("a module started a thread when it was imported: nothing can be forked from this process")
    gc.collect()
    gc.freeze()  # or the first collection in each child would copy every page
    channel = _serve()
    if channel is None:
        return 0
    # Only in a child: returns through `main`, so that the interpreter ends as it always does and nothing is left unsent.
    return asyncio.run(child.live(channel))


def threads() -> int:
    """Of this process, those that Python does not know of included; 1 where nobody can tell."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def _serve() -> socket.socket | None:
    """Fork until the worker is gone (None); in a child its channel."""
    control = socket.socket(fileno=os.dup(0))
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(reading, selectors.EVENT_READ)
        control.sendall(READY)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    with contextlib.suppress(BlockingIOError):
                        while os.read(reading, 4096):
                            pass
                    _reap(control)
                    continue
                found, descriptors, _, _ = socket.recv_fds(control, 1, 4)
                if not found:
                    return None
                for descriptor in descriptors:
                    channel = socket.socket(fileno=descriptor)
                    if _fork() == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        signal.signal(signal.SIGINT, signal.default_int_handler)
                        control.close()
                        os.close(reading)
                        os.close(writing)
                        return channel
                    channel.close()


def _fork() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


def _reap(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        line = json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode() + b"\n"
        try:
            control.sendall(line)
        except OSError:  # the worker is gone: the next read says so
            return


if __name__ == "__main__":
    sys.exit(main())
