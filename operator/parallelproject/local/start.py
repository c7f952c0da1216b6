"""Running a project here, from the first look at the state to the exit code."""

import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from parallelproject.core.followups.revision import instruction
from parallelproject.core.followups.success import is_success
from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.hooks import NO_HOOKS
from parallelproject.local.agents.call import AgentCall, has_calls
from parallelproject.local.agents.prompts import check_template
from parallelproject.local.engine import lock
from parallelproject.local.engine.asked import AskedQuestions
from parallelproject.local.engine.audience import Audience
from parallelproject.local.engine.board import Board, BoardView
from parallelproject.local.engine.changed_tasks import changed_since, notice
from parallelproject.local.engine.clock import Clock
from parallelproject.local.engine.command import Command, commands, hook_commands
from parallelproject.local.engine.earlier_sessions import History, recover
from parallelproject.local.engine.engine import Engine, RunEnd
from parallelproject.local.engine.inbox import Inbox
from parallelproject.local.engine.options import TASK_SECONDS, RunOptions
from parallelproject.local.engine.resume import Resumption, resume
from parallelproject.local.engine.signals import Interrupts
from parallelproject.local.engine.skipped_tasks import skip_notice
from parallelproject.local.errors import RunError
from parallelproject.local.removal import forget
from parallelproject.local.state.directory import REVIEW, StateDirectory
from parallelproject.local.state.numbered_tasks import refuse_numbered
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import Store
from parallelproject.local.state.usage_files import UsageFiles
from parallelproject.local.supervisor.handle import Processes, SupervisorLostError
from parallelproject.local.views.advice import advice
from parallelproject.local.views.json_lines import JsonView
from parallelproject.local.views.page import PageLine, show
from parallelproject.local.views.plain import PlainView
from parallelproject.local.views.status_file import StatusFile
from parallelproject.local.views.summary import already_done, remarks_of, summary
from parallelproject.local.views.window import can_redraw
from parallelproject.local.workspace.sandbox import Bubblewrap, bubblewrap
from parallelproject.local.workspace.settings import of_a_repository, problems_of_workspace
from parallelproject.model.branches import CHECKED_OUT
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import Sandbox, Spec
from parallelproject.model.status import TaskState

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.delivery.target import LandingTarget
    from parallelproject.local.hooks.local_hooks import LocalHooks
    from parallelproject.local.review.record import LocalFeedback
    from parallelproject.local.verification.checks import LocalVerification
    from parallelproject.local.views.notifier import Notifier

ORPHAN_GRACE = 2.0
"""Seconds that tasks have to end once the engine is gone."""

_TITLE_MAX = 200
"""Characters of a task's title that are shown where its work is published."""
EXIT_SUCCEEDED, EXIT_FAILED, EXIT_EXHAUSTED, EXIT_INTERRUPTED = 0, 1, 3, 130

Say = Callable[[str], None]


def run_project(project: ParallelProject, options: RunOptions | None = None) -> int:
    """Runs a project's tasks as processes of this machine, continuing where an earlier run was cut off.

    Returns:
        0 when all tasks have succeeded, 130 when it was interrupted, 3 when the rest waits for a larger budget, else 1.

    Raises:
        ProblemsError: the spec makes no graph, or does not say what a task runs.
    """
    # The supervisor first: it is loaded while we find out what there is to do.
    with closing(Processes()) as processes:
        return _prepared(project, options or RunOptions(), processes)


def _prepared(project: ParallelProject, options: RunOptions, processes: Processes) -> int:
    spec = options.applied_to(project.spec)
    graph = compile_graph(spec)
    what = commands(spec, graph, options.command, options.agent)
    if spec.prompt is not None:
        check_template(spec.prompt, graph.tasks)
    path = options.state_dir
    directory = StateDirectory(path) if path else StateDirectory.default(project.name)

    def say(text: str) -> None:
        show([PageLine(line) for line in text.split("\n")], options.stderr, no_color=options.no_color)

    try:
        with _opened(directory, options.fresh, say) as (held, store, spill):
            other = directory.claim(options.source.absolute()) if options.source else None
            if other:
                hints = "--name NAME or --state-dir DIR keeps them apart, --fresh forgets that run"
                raise RunError(f"the state in {directory.path} is that of {other} ({hints})")
            clock = Clock()
            deliveries = _deliveries(project.name, spec, options, directory, store)
            target = deliveries.target if deliveries else None
            agents = _agents(graph, what, directory, deliveries)
            sandbox = _sandbox(spec, deliveries)
            if target and spec.git and spec.git.base_ref == CHECKED_OUT:  # publishing has to name a branch
                spec = spec.model_copy(update={"git": spec.git.model_copy(update={"base_ref": target.base.name})})
            asked_before = AskedQuestions(directory, are_taken_before=deliveries is not None)
            usages = UsageFiles(directory)
            history = recover(
                store, spill, clock.now(), deliveries, agents, asked_before, usages, directory.output_values
            )
            review = _review(directory, deliveries)
            if review:
                graph = review.graph(graph)
            verification = _verification(spec, deliveries, directory, options, store, history, sandbox)
            if verification:
                graph = verification.graph(graph)
            hooks = _hooks(project.name, spec, graph, deliveries, directory, options, store, sandbox)
            if store.created_by is None:
                refuse_numbered(graph, history.attempts, options.source, directory)
            asked = directory.requests.begin(options.skip)
            for_once = [task for task in options.skip if task not in project.spec.skip and not asked.skip.get(task)]
            resumed = resume(
                graph,
                spec,
                store,
                history,
                clock.now(),
                asked,
                verification.verified if verification else None,
                hooks.progress if hooks else NO_HOOKS,
            )
            began = clock.now() - history.elapsed
            place = f" --state-dir {shlex.quote(str(path))}" if path else ""
            board = Board(project.name, resumed.graph, resumed.spec, clock, began, place=place)
            board.run_id = store.run_id
            board.heed(asked, resumed.graph, resumed.spec)
            board.update(resumed.plan)
            board.verified = verification.condition if verification else None
            board.hooks = hooks.report if hooks else None
            status = StatusFile(board, directory.document, len(store.sessions()) + 1)
            changed = changed_since(resumed.graph, resumed.ledger.records, directory)
            if changed:
                say(f"warning: {notice(changed)}")
            if skipped := skip_notice(resumed.graph, resumed.plan):
                say(f"note: {skipped}")
            notifier = _notifier(board.spec, directory, store)
            if resumed.done:
                status.begin(store.run_id, _created(store, clock), options.rerun, for_once)
                if options.view == "json":
                    JsonView(board, options.stdout).ended(RunEnd.COMPLETED.name.capitalize(), resumed.ledger, ())
                else:
                    already_done(board, history, options, target)
                if notifier:
                    _notify_of_end(board, notifier, say)
                _finished(board, options)
                return _pushed(target, board, directory, options, EXIT_SUCCEEDED, say)
            if target:
                target.begin(spec, directory, say, options.source, deliveries.given if deliveries else ())
                directory.create_for_landing()
                if review:
                    review.begin(target, say)
            status.begin(store.run_id, _created(store, clock), options.rerun, for_once)
            if options.has_default_deadline(project.spec):
                hint = "--task-timeout TIME changes this, --task-timeout none turns it off"
                say(f"note: an attempt that takes longer than {TASK_SECONDS // 3600} h is stopped ({hint})")
            store.begin_session(clock.now())
            store.close()
            processes.begin(
                store=directory.database,
                spill=directory.spill,
                lock=held,
                errors=directory.errors,
                clock=clock.offset,
                orphan_grace=ORPHAN_GRACE,
            )
            inbox = Inbox(directory.requests, asked)
            return _run(
                board, resumed, history, what, directory, processes, options, say, deliveries, status, inbox, agents,
                verification, sandbox, notifier, usages, hooks, review,
            )  # fmt: skip
    except RunError as error:
        say(f"error: {error}")
    except sqlite3.Error as error:
        broken = type(error) is sqlite3.DatabaseError  # no database at all; the others may pass
        hint = " (--fresh starts over without it)" if broken else ""
        say(f"error: cannot use the state {directory.database}: {error}{hint}")
    except OSError as error:
        where = error.filename or directory.path
        if options.fresh and isinstance(error, PermissionError):
            say(f"error: cannot remove {where}: {error.strerror} (if a container made it: sudo rm -rf it)")
        else:
            say(f"error: cannot write {where}: {error.strerror} (--state-dir DIR keeps the state elsewhere)")
    return EXIT_FAILED


@contextmanager
def _opened(directory: StateDirectory, fresh: bool, say: Say) -> Iterator[tuple[int, Store, Spill]]:
    """The lock held and the state open; emptied before if it is to be fresh."""
    held = lock.acquire(directory.lock, say)
    try:
        if fresh:
            forget(directory)
            directory.empty()
        directory.create()
        try:
            with closing(Store(directory.database)) as store, closing(Spill(directory.spill)) as spill:
                yield held, store, spill
        finally:
            directory.leave()
    finally:
        os.close(held)


def _run(
    board: Board,
    resumed: Resumption,
    history: History,
    what: Mapping[str | None, Command],
    directory: StateDirectory,
    processes: Processes,
    options: RunOptions,
    say: Say,
    deliveries: "Deliveries | None",
    status: StatusFile,
    inbox: Inbox,
    agents: "AgentEnds | None",
    verification: "LocalVerification | None",
    sandbox: Bubblewrap | None,
    notifier: "Notifier | None",
    usages: UsageFiles,
    hooks: "LocalHooks | None",
    review: "LocalFeedback | None",
) -> int:
    shown = _view(board, options)
    view = Audience([shown, status], [*options.consumers, *([notifier] if notifier else [])])
    with Interrupts() as interrupts:
        engine = Engine(
            board, resumed.ledger, history, what, directory, processes, interrupts, view, options.grace_seconds,
            resumed.basis, inbox, deliveries, agents, verification, sandbox, usages, hooks, review,
        )  # fmt: skip
        lost = None
        end = RunEnd.TROUBLE
        try:
            end = engine.run()
        except SupervisorLostError as error:
            lost = error
            with (
                suppress(sqlite3.Error),
                closing(Store(directory.database)) as store,
                closing(Spill(directory.spill)) as spill,
            ):
                questions = AskedQuestions(directory, are_taken_before=deliveries is not None)
                engine.catch_up(
                    recover(
                        store, spill, board.clock.now(), deliveries, agents, questions, usages, directory.output_values
                    )
                )
        finally:
            processes.close()
            board.ended = ended = board.clock.now()
            view.close()
            if notifier:
                notifier.close()
        with suppress(sqlite3.Error), closing(Store(directory.database)) as store:
            store.end_session(ended, completed=end is RunEnd.COMPLETED)
    for line in notifier.troubles if notifier else ():
        say(f"warning: {line}")
    if lost and not engine.in_trouble:
        say(f"error: the supervisor of the tasks died ({lost}); all were stopped. See {directory.errors}")
    elif end is RunEnd.TROUBLE:
        say(f"error: {board.notice}")
    target = deliveries.target if deliveries else None
    if isinstance(shown, JsonView):
        remarks = remarks_of(board, engine.ledger, engine.failed, deliveries, agents)
        shown.ended(end.name.capitalize(), engine.ledger, [*remarks, *advice(board, engine.ledger)])
        all_succeeded = board.plan is not None and is_success(board.graph, board.plan)
    else:
        all_succeeded = summary(board, engine.ledger, engine.failed, directory, end, options, deliveries, agents)
    is_reported = _finished(board, options)
    if end is RunEnd.INTERRUPTED:
        return EXIT_INTERRUPTED
    if end is RunEnd.EXHAUSTED:
        return EXIT_EXHAUSTED
    is_broken = verification is not None and verification.condition[0] == "False"
    code = EXIT_SUCCEEDED if all_succeeded and is_reported and not is_broken else EXIT_FAILED
    return _pushed(target, board, directory, options, code, say) if end is RunEnd.COMPLETED else code


def _sandbox(spec: Spec, deliveries: "Deliveries | None") -> Bubblewrap | None:
    """The sandbox of the tasks, if one is asked for.

    Raises:
        RunError: this machine has none.
    """
    if spec.workspace.sandbox is Sandbox.NONE:
        return None
    hidden, linked = (deliveries.out_of_sight, deliveries.linked) if deliveries else ([], [])
    return bubblewrap(hidden, linked, os.environ)


def _agents(
    graph: CompiledGraph, what: Mapping[str | None, Command], directory: StateDirectory, deliveries: "Deliveries | None"
) -> "AgentEnds | None":
    """What says how attempts of agents ended, where there are any, also of earlier sessions."""
    if not any(command.agent for command in what.values()) and not has_calls(directory.path):
        return None
    from parallelproject.local.agents.ends import AgentEnds  # here, because few runs need it

    return AgentEnds(
        lambda task, step, fallback: _call(what, graph, task, step, fallback),
        directory,
        are_judged_before=deliveries is not None,
    )


def _verification(
    spec: Spec,
    deliveries: "Deliveries | None",
    directory: StateDirectory,
    options: RunOptions,
    store: Store,
    history: History,
    sandbox: Bubblewrap | None,
) -> "LocalVerification | None":
    """The verification of what lands, where the spec asks for one, or an earlier session has recorded one."""
    if spec.verification is None and (deliveries is None or not store.attempts()):
        return None
    if deliveries is None:
        raise ProblemsError(
            [Problem("spec.verification", "needs a repository that the work lands in", "give --repo DIR")]
        )
    from parallelproject.local.verification.checks import LocalVerification

    if spec.verification is None and not LocalVerification.has_record(directory):
        return None
    return LocalVerification(
        spec.verification, spec, deliveries, directory, options.grace_seconds, store.attempts(),
        is_started_again=history.completed, sandbox=sandbox,
    )  # fmt: skip


def _review(directory: StateDirectory, deliveries: "Deliveries | None") -> "LocalFeedback | None":
    """The feedback on what has landed, where an earlier session has recorded any."""
    if deliveries is None or not (directory.path / REVIEW).exists():
        return None
    from parallelproject.local.review.record import LocalFeedback  # here, because few runs need it

    return LocalFeedback(directory)


def _hooks(
    project: str,
    spec: Spec,
    graph: CompiledGraph,
    deliveries: "Deliveries | None",
    directory: StateDirectory,
    options: RunOptions,
    store: Store,
    sandbox: Bubblewrap | None,
) -> "LocalHooks | None":
    """The hooks around levels and groups, where the spec has any."""
    if spec.hooks is None:
        return None
    from parallelproject.local.hooks.local_hooks import LocalHooks  # here, because few runs need it

    what = hook_commands(spec)
    return LocalHooks(
        spec.hooks, spec, project, graph, lambda kind, env: what[kind].resolve(env), directory,
        options.grace_seconds, store.attempts(), deliveries, sandbox,
    )  # fmt: skip


def _call(
    what: Mapping[str | None, Command], graph: CompiledGraph, task: str, step: str, fallback: str | None
) -> AgentCall | None:
    role = fallback or (graph.role_at(graph.index[task], step) if task in graph.index else None)
    return what[role].agent if role in what else None


def _notifier(spec: Spec, directory: StateDirectory, store: Store) -> "Notifier | None":
    """Notifies people, where the spec says whom."""
    if spec.notify is None:
        return None
    from parallelproject.local.views.notifier import Notifier  # here, because few runs need it

    return Notifier(spec.notify, directory.path, store.run_id)


def _notify_of_end(board: Board, notifier: "Notifier", say: Say) -> None:
    """Sends the notification of the end, where the session that came to it was killed before."""
    notifier.take(board, ())
    notifier.close()
    for line in notifier.troubles:
        say(f"warning: {line}")


def _created(store: Store, clock: Clock) -> float:
    """When the run was first started."""
    sessions = store.sessions()
    return sessions[0].started if sessions else clock.now()


def _finished(board: Board, options: RunOptions) -> bool:
    """Reports to the caller which tasks have succeeded."""
    if options.finished is None or board.plan is None:
        return True
    records = board.plan.ledger.records
    return options.finished(
        [id for id in board.graph.ids if id in records and records[id].state is TaskState.SUCCEEDED]
    )


def _deliveries(
    project: str, spec: Spec, options: RunOptions, directory: StateDirectory, store: Store
) -> "Deliveries | None":
    """How attempts land. None: the run is without a repository, and git is not loaded, which takes its time."""
    if problems := [*problems_of_workspace(spec)]:
        raise ProblemsError(problems)
    asked = options.repository or spec.git or options.check or [*of_a_repository(spec)]
    if not asked and not directory.repository_note.exists():
        return None
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.delivery.push import remote_of
    from parallelproject.local.delivery.target import find_target

    has_started = bool(store.attempts())
    target = find_target(project, spec, options.repository, directory, store.run_id, has_started, options.source)
    if options.check and target is None:
        raise RunError("a check needs a repository that the work lands in", "give --repo DIR")
    if target and options.push:
        remote_of(target)  # so that it is known before anything runs
    return Deliveries(target, spec, directory, options.source, options.check) if target else None


def _pushed(
    target: "LandingTarget | None", board: Board, directory: StateDirectory, options: RunOptions, code: int, say: Say
) -> int:
    """Pushes what has landed, and publishes it, if that is asked for; gives the exit code."""
    plan = board.plan
    if not (target and options.push and plan):
        return code
    if options.deliver:
        try:
            options.deliver(target, instruction(board.graph, board.spec, plan, board.name, _TITLE_MAX), say)
        except RunError as error:
            say(f"error: {error}")
            return EXIT_FAILED
        return code
    from parallelproject.local.delivery.push import PushedBranch, address_of, push

    instructions = instruction(board.graph, board.spec, plan, board.name, _TITLE_MAX)
    try:
        if (directory.path / REVIEW).exists():
            remote = _push_reviewed(target, directory, instructions, say)
        else:
            remote = push(target)
        say(f"{target.branch} is pushed to {remote}")
        if options.publish:
            for line in options.publish(PushedBranch(address_of(target, remote), target, instructions)):
                say(line)
    except RunError as error:
        say(f"error: {error}")
        return EXIT_FAILED
    return code


def _push_reviewed(
    target: "LandingTarget", directory: StateDirectory, instructions: Mapping[str, Any], say: Say
) -> str:
    """Pushes a branch that had feedback, which may have conflict markers; gives the name of the remote.

    Raises:
        RunError: it is not pushed.
    """
    from parallelproject.local.delivery.push import remote_of
    from parallelproject.local.following.reviewed_run import ReviewedRun
    from parallelproject.model.spec import Feedback

    if not ReviewedRun(target, directory, Feedback(), say).push(instructions):
        what = f"{target.branch} is not pushed: it conflicts with what others have pushed to it"
        raise RunError(what, "pproj publish --follow has its tasks resolve that")
    return remote_of(target)


def _view(board: Board, options: RunOptions) -> BoardView:
    if options.view == "json":
        return JsonView(board, options.stdout)
    live = options.view == "live" or (options.view == "auto" and can_redraw(options.stdout))
    if not live:
        return PlainView(board, options.stdout)
    from parallelproject.local.views.live import LiveView  # here, because rich is slow to load

    return LiveView(board, options.stdout, no_color=options.no_color)
