"""The process that warm children are forked from: ``python -m flows.zygote``, started by a worker (`flows.warm`).

It imports what a run needs and then does nothing but fork. It has one thread, because a fork of several copies locks that
nobody releases. Its standard input is the worker's end of a socket pair: each byte that arrives brings the descriptor of a new
child's channel, and the end of the stream is the end of this process. What became of a child goes back as a line of JSON.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from flows import interpreter
from flows.assembly import Installation, preload
from tenantry.errors import TaskDefect

READY: Final = b'{"zygote": "ready"}\n'
_ended: int | None = None
"""In a child: its exit code, once what it carried has ended."""


def main() -> int:
    """Until the worker is gone. In a forked child: until its one run is done.

    Returns:
        exit code.

    Raises:
        TaskDefect: something that was imported started a thread.
    """
    global _ended
    interpreter.begin()
    from flows import child, rehearsal

    atexit.register(_leave)  # before all others are, so that it comes after them
    with Installation.open() as installation:
        preload(installation)
        child.preload(installation)
        rehearsal.swept(installation.home.run)
    if threads() > 1:
        raise TaskDefect("a module started a thread when it was imported: nothing can be forked from this process")
    interpreter.settle()
    channel = _serve()
    if channel is None:
        return 0
    # Only in a child: returns through `main`, so that threads are waited for and nothing is left unsent.
    _ended = asyncio.run(child.live(channel))
    return _ended


def _leave() -> None:
    """The end of a child, when everything that wanted to do something at the end has done it. What the interpreter does now is
    to take apart, object by object, the memory that it shares with the other children: every page of it would be copied first,
    and then given back."""
    if _ended is not None:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended)


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
