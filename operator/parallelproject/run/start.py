"""Running a project here, from the first look at the state to the exit code."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from parallelproject.core.attempt import Record
from parallelproject.core.graph import CompiledGraph, compile_graph
from parallelproject.core.plan import Ledger, Plan, plan
from parallelproject.core.times import duration
from parallelproject.executors.local_command import Command, commands
from parallelproject.executors.local_processes import Processes, SupervisorLostError
from parallelproject.executors.local_spill import Spill
from parallelproject.executors.local_store import FAILED, RUNNING, STOPPED, SUCCEEDED, Store
from parallelproject.executors.local_supervisor import INTERRUPTED
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import Retry, Spec
from parallelproject.model.status import TaskState
from parallelproject.run import lock
from parallelproject.run.board import Board, View
from parallelproject.run.clock import Clock
from parallelproject.run.directory import StateDirectory
from parallelproject.run.engine import End, Engine
from parallelproject.run.errors import RunError
from parallelproject.run.history import History, recover
from parallelproject.run.options import RunOptions
from parallelproject.run.plain import PlainView
from parallelproject.run.signals import Interrupts
from parallelproject.run.summary import Finish, show_summary

ORPHAN_GRACE = 2.0
"""Seconds that tasks have to end once the engine is gone."""

EXIT_SUCCEEDED, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


def run_project(project: ParallelProject, options: RunOptions | None = None) -> int:
    """Runs a project's tasks as processes of this machine, going on where an earlier run was cut off.

    Returns:
        0 when all tasks have succeeded, 130 when it was interrupted, else 1.

    Raises:
        ProblemsError: the spec makes no graph, or does not say what a task runs.
    """
    options = options or RunOptions()
    spec = options.applied_to(project.spec)
    graph = compile_graph(spec)
    what = commands(spec, graph, options.command)
    directory = (
        StateDirectory(options.state_dir) if options.state_dir else StateDirectory.default(project.name)
    )

    def say(text: str) -> None:
        print(text, file=options.stderr, flush=True)  # noqa: T201

    try:
        with _locked(directory, options, say) as (held, store, spill):
            return _run(project.name, spec, graph, what, directory, held, store, spill, options)
    except RunError as error:
        say(f"error: {error}")
    except sqlite3.Error as error:
        say(f"error: cannot use the state {directory.database}: {error}")
    except OSError as error:
        say(f"error: cannot write {error.filename or directory.path}: {error.strerror}")
    return EXIT_FAILED
