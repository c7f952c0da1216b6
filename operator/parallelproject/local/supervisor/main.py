"""The program that the engine starts: it becomes the supervisor and its guard. Standard library only, to start fast."""

import gc
import os
import resource
import signal
import socket
import sqlite3

from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.channel import Channel, receive_files
from parallelproject.local.supervisor.guard import guard
from parallelproject.local.supervisor.roster import Roster
from parallelproject.local.supervisor.settings import Settings
from parallelproject.local.supervisor.supervisor import Supervisor


def main(end: int) -> None:
    """Waits for the engine's word, and parts in two.

    Args:
        end: File descriptor of the socket to the engine; the first that comes is ``Settings``, with the lock, to be
            held for as long as we live, and a file for errors.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the engine receives them, and passes them on
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Tasks inherit it: a core dump has the environment with its keys, and might be taken as work.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.set_inheritable(end, False)
    process_tree.adopt_orphans()
    gc.freeze()
    channel = socket.socket(fileno=end)
    settings, files = receive_files(channel, 2)
    if settings is None:
        return  # there was nothing to run
    for output in (1, 2):
        os.dup2(files[1], output)
    os.close(files[1])
    roster = Roster()
    supervisor = os.fork()
    if supervisor:
        channel.close()  # so that the engine sees it closed when the supervisor is gone
        code = guard(supervisor, Settings(*settings), roster)
    else:
        process_tree.adopt_orphans()
        _supervise(Settings(*settings), Channel(channel), roster)
        code = 0
    os._exit(code)  # the interpreter would take its time to forget everything first


def _supervise(settings: Settings, channel: Channel, roster: Roster) -> None:
    try:
        supervisor = Supervisor(settings, channel, roster)
    except (sqlite3.Error, OSError) as error:
        trouble = f"cannot use {settings.store}: {error}"
        channel.send({"started": (), "ended": (), "refused": (), "trouble": trouble})
    else:
        supervisor.run()
