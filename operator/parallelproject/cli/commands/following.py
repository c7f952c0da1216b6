"""``--follow``: feedback on the pull request of a run goes to its tasks, until the pull request ends."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from parallelproject.cli.commands.local_publish import asked_credentials, publish_request, result_line
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.core.review.ages import ReviewAges
from parallelproject.core.review.follow_step import SETTLE, FeedbackSeen, FollowStep, follow_step, waits_for
from parallelproject.core.review.pace import LONGEST, RequestBudget
from parallelproject.local.delivery.push import PushedBranch, address_of, remote_of
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.errors import RunError
from parallelproject.local.start import EXIT_FAILED, EXIT_SUCCEEDED, run_project
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import Feedback, ForgeType, Git, MergeMode, PullRequest

if TYPE_CHECKING:
    from parallelproject.core.review.observed import PullReview
    from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest
    from parallelproject.forge.clients.review import ReviewClient
    from parallelproject.forge.publishing.request import PublishRequest
    from parallelproject.local.delivery.target import LandingTarget
    from parallelproject.local.following.reviewed_run import ReviewedRun


class _Delivered(NamedTuple):
    """What the run has published last."""

    request: "PublishRequest"
    run: "ReviewedRun"
    succeeded: set[str]
    is_pushed: bool


def follow_run(project: ParallelProject, options: RunOptions, git: Git, credentials: Path | None) -> int:
    """Runs a project, publishes its work, and has its tasks act on the feedback on the pull request until that ends.

    Returns:
        0 when the pull request is merged, or approved with ``merge: Manual``; 1 when it is closed, or a person has to
        act; else the exit code of the run.

    Raises:
        Failure: the forge cannot be read.
    """
    with ExitStack() as stack:
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pproj-")))
        following = _Following(git, credentials, private, options.state_dir, project.name)
        while True:
            following.delivered, following.is_delivered = None, False
            code = run_project(project, replace(options, push=True, publish=None, deliver=following.deliver))
            if not following.is_delivered:
                return code
            end = asyncio.run(following.watch(code))
            if end is not None:
                return end
            options = replace(options, fresh=False)


def check_follow(git: Git | None) -> Git:
    """The settings of a run that can be followed.

    Raises:
        Failure: there is no single pull request with reviews.
    """
    if git is None or git.forge is None or git.forge.type is ForgeType.NONE:
        hint = "set spec.git.forge, or give --set spec.git.forge.type=Gitea"
        raise Failure("--follow: there is no forge with pull requests", hint=hint, code=2)
    if git.is_by_task or git.is_by_level:
        hint = "use strategy SharedBranch and pullRequest.scope Project"
        raise Failure("--follow: it follows one pull request, and spec.git makes several", hint=hint, code=2)
    return git


class _Following:
    """One call of ``follow_run``."""

    def __init__(self, git: Git, credentials: Path | None, private: Path, state: Path | None, project: str) -> None:
        self._git, self._credentials, self._private = git, credentials, private
        self._directory = StateDirectory(state) if state else StateDirectory.default(project)
        self._pull_request = git.pull_request or PullRequest()
        self.delivered: _Delivered | None = None
        self.is_delivered = False
        self._budget = RequestBudget(at=time.monotonic())
        self._ages = ReviewAges()
        self._said: set[str] = set()

    def deliver(self, target: "LandingTarget", instruction: Mapping[str, Any], say: Callable[[str], None]) -> None:
        """Pushes and publishes what has landed; see ``local.delivery.push.Deliver``."""
        from parallelproject.local.following.reviewed_run import ReviewedRun

        settings = self._pull_request.feedback or Feedback()
        run = ReviewedRun(target, self._directory, settings, say)
        remote, is_pushed = remote_of(target), run.push(instruction)
        pushed = PushedBranch(address_of(target, remote), target, instruction)
        if self._credentials is None:
            private = self._private / "asked"
            private.mkdir(exist_ok=True)
            self._credentials = asked_credentials(pushed, private)
        request = publish_request(self._git, self._credentials, self._private, pushed)
        failed = {row["id"] for row in instruction["tasks"] if row.get("failed")}
        succeeded = {row["id"] for row in instruction["tasks"]} - failed
        self.delivered = _Delivered(request, run, succeeded, is_pushed)
        self.is_delivered = True
        if not is_pushed:
            say(f"{target.branch} is not pushed yet: it conflicts with what others have pushed to it")
            return
        say(f"{target.branch} is pushed to {remote}")
        self._publish(replace(request, merge=MergeMode.MANUAL), say)

    def _publish(self, request: "PublishRequest", say: Callable[[str], None]) -> None:
        from parallelproject.forge.publishing.publisher import publish
        from parallelproject.git.plumbing.outcome import DeliveryError

        try:
            results = asyncio.run(publish(request))
        except DeliveryError as error:
            raise RunError(f"publishing {request.branch}: {error}") from None
        for result in results:
            line = result_line(result)
            if line not in self._said:
                self._said.add(line)
                say(line)

    async def watch(self, code: int) -> int | None:
        """Replies to what tasks have acted on, and looks at the pull request until there is something new.

        Args:
            code: The exit code of the run.

        Returns:
            The exit code at the end; None: tasks have something to do.
        """
        from parallelproject.forge.clients.answer import AnswerError
        from parallelproject.forge.clients.connect import connected, review_of
        from parallelproject.git.plumbing.outcome import DeliveryError

        delivered = self.delivered
        assert delivered
        request = delivered.request
        try:
            async with connected(request.forge.type, request.branches, request.server) as forge:
                review = review_of(forge)
                pull = await forge.find(request.branch, request.base)
                if review is None or pull is None:
                    terminal.say(f"{request.branch}: there is no pull request to follow")
                    return code
                return await self._watched(forge, review, pull, delivered, code)
        except AnswerError as error:
            raise Failure(f"following {request.branch}: {error}") from None
        except (DeliveryError, RunError) as error:
            raise Failure(f"following {request.branch}: {error}") from None

    async def _watched(
        self, forge: "ForgeClient", review: "ReviewClient", pull: "ForgePullRequest", delivered: _Delivered, code: int
    ) -> int | None:
        from parallelproject.forge.clients.protocol import PullState
        from parallelproject.git.plumbing.outcome import TransientError

        while True:
            try:
                await self._answer(forge, review, pull, delivered)
                break
            except TransientError as error:
                self._say_once(f"warning: {error}; it is tried again")
                await asyncio.sleep(LONGEST)
        if code != EXIT_SUCCEEDED:
            terminal.say(f"{pull.url} is not followed, since the run has not succeeded")
            return code
        self._say_once(f"following {pull.url}; Ctrl-C ends it, and pproj publish --follow continues")
        idle, last, spent = 0, None, review.spent
        while True:
            try:
                pull = await forge.read(pull)
                if pull.state is not PullState.OPEN:
                    terminal.say(f"{pull.url} is {pull.state}")
                    return EXIT_SUCCEEDED if pull.state is PullState.MERGED else EXIT_FAILED
                found = await review.observe(pull)
                now = time.monotonic()
                seen = await asyncio.to_thread(
                    delivered.run.look, found, delivered.request.base, delivered.succeeded,
                    has_checks=self._ages.has_checks(found, now),
                )  # fmt: skip
            except (TransientError, RunError) as error:  # a laptop is not always connected
                self._say_once(f"warning: {error}; it is tried again")
                await asyncio.sleep(LONGEST)
                continue
            for finding, why in seen.left:
                terminal.say(f"left to people ({why}): {finding.title}")
            for finding in seen.given:
                terminal.say(f"{finding.task}: {finding.title}")
            try:
                step = follow_step(
                    found, seen, self._ages.unchecked(found, now),
                    merges=delivered.request.merge is MergeMode.WHEN_CHECKS_PASS,
                )  # fmt: skip
                if step is FollowStep.RUN:
                    return None
                end = await self._end(step, found, seen, pull, delivered, forge, review)
            except TransientError as error:
                self._say_once(f"warning: {error}; it is tried again")
                await asyncio.sleep(LONGEST)
                continue
            if end is not None:
                return end
            idle = idle + 1 if (found, seen) == last else 0
            last = (found, seen)
            self._budget = self._budget.spend(review.spent - spent, time.monotonic())
            spent = review.spent
            await asyncio.sleep(self._budget.pause(idle))

    async def _end(
        self,
        step: FollowStep,
        found: "PullReview",
        seen: FeedbackSeen,
        pull: "ForgePullRequest",
        delivered: _Delivered,
        forge: "ForgeClient",
        review: "ReviewClient",
    ) -> int | None:
        """The exit code if it is over; merges what may be merged."""
        match step:
            case FollowStep.PEOPLE:
                waits = "; ".join(waits_for(found, seen)) or "as said above; a commit on the branch can solve it"
                terminal.say(f"{pull.url} waits for people: {waits}")
                return EXIT_FAILED
            case FollowStep.APPROVED:
                terminal.say(f"{pull.url} is approved, and its checks pass: merge it")
                return EXIT_SUCCEEDED
            case FollowStep.MERGE if await review.observe(await forge.read(pull)) == found:  # nothing new meanwhile
                await self._merge(delivered.request, 0.0 if found.has_passed else SETTLE)
        return None

    async def _merge(self, request: "PublishRequest", seconds: float) -> None:
        """Asks for the merge; the next look shows whether it has happened."""
        from parallelproject.forge.publishing.publisher import publish

        for result in await publish(replace(request, wait_seconds=seconds)):
            self._say_once(result_line(result))

    async def _answer(
        self, forge: "ForgeClient", review: "ReviewClient", pull: "ForgePullRequest", delivered: _Delivered
    ) -> None:
        from parallelproject.forge.publishing.replies import send_replies

        if not delivered.is_pushed:  # a reply names a commit that people can see
            return
        due = await asyncio.to_thread(delivered.run.answers, delivered.succeeded)
        await send_replies(forge, review, pull, due, delivered.run.note_answer)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            terminal.say(line)
