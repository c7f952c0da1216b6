"""A process that has loaded the operator, and forks one whenever it is asked to: a start without a second of imports.

It reads one JSON object a line: how to start an operator; and writes one a line: ``{"started": pid}`` in answer, and
``{"ended": pid, "code": code}`` when one has ended, negative for a signal. It ends with its standard input, and all
operators end with it.
"""

import asyncio
import ctypes
import gc
import json
import logging
import os
import selectors
import signal
import sys
from typing import Any

from parallelproject.controller.process.logs import configure
from parallelproject.controller.process.operator import OperatorOptions, operate

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _operator(wanted: dict[str, Any], parent: int) -> None:
    """Be an operator; returns when it has ended."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.setsid()
    gc.enable()
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 256)
    exec(wanted["patch"], {"__name__": "patch"})
    configure(False, logging.INFO)
    options = OperatorOptions(
        tuple(wanted["namespaces"]), wanted["kubeconfig"], None, "127.0.0.1", 0, "127.0.0.1", 0,
        workflows=wanted["workflows"], **wanted["election"],
    )  # fmt: skip
    asyncio.run(operate(options))


def _fork(wanted: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _operator(wanted, parent)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Serve until standard input ends."""
    gc.collect()
    gc.freeze()
    gc.disable()  # its pages stay shared; an operator turns it on again
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ready = selectors.DefaultSelector()
    ready.register(0, selectors.EVENT_READ)
    rest = b""
    _say({"ready": os.getpid()})
    while True:
        for key, _ in ready.select():
            if key.data is not None:
                ready.unregister(key.fd)
                os.close(key.fd)
                _, status = os.waitpid(key.data, 0)
                _say({"ended": key.data, "code": os.waitstatus_to_exitcode(status)})
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                pid = _fork(json.loads(line))
                ready.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
                _say({"started": pid})


if __name__ == "__main__":
    main()
