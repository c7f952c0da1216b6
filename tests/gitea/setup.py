"""A publishing as its callers do it: their credentials folder, their way to find the forge, the real git over HTTPS."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.connect import connected
from parallelproject.forge.clients.protocol import ForgeClient, Words
from parallelproject.forge.clients.server import Server, locate
from parallelproject.forge.publishing.branch_queue import publish_in_order, publish_one
from parallelproject.forge.publishing.merging import Waiting
from parallelproject.forge.publishing.pull_request import Proposal
from parallelproject.forge.publishing.result import PublishResult
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.spec import ForgeType, MergeMode
from rig import Gitea, deadline
from rig.gitearepository import Repository

T = TypeVar("T")
OWNER, ROBOT, REVIEWER = "acme", "robot", "reviewer"
SCOPES = ("write:repository", "write:issue", "read:organization")
"""All that a token needs; the last one only where the repository is an organisation's."""
BRANCH = "parallel/x"
WORDS = Words("Two tasks", "| Task |\n|---|\n", ("agents",))
SECONDS = 180.0
"""Longest that anything here may take."""


def mounted(folder: Path, gitea: Gitea, token: str) -> Path:
    """A credentials folder as Kubernetes mounts it."""
    credentials = folder / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "username").write_text(ROBOT)
    (credentials / "password").write_text(f"{token}\n")
    (credentials / "ca.crt").write_bytes(gitea.ca_file.read_bytes())
    return credentials


async def _nap(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.3))


@dataclass(frozen=True)
class Settings:
    """What another process needs to publish the same."""

    repository: str
    folder: Path
    credentials: Path

    def branches(self) -> Branches:
        return Branches(url=self.repository, private=self.folder, credentials=self.credentials)

    def server(self) -> Server:
        password, authority = self.credentials / "password", self.credentials / "ca.crt"
        return locate(ForgeType.GITEA, None, self.repository, password, authority)


@dataclass
class Publisher:
    """Publishes, as often as it is told to. What it waits for it looks at more often than it would elsewhere."""

    settings: Settings
    seconds: float = SECONDS
    settle: float = 0.0

    def shared(
        self,
        merge: MergeMode = MergeMode.MANUAL,
        words: Words = WORDS,
        branch: str = BRANCH,
        base: str = "main",
        wrap: Callable[[ForgeClient], ForgeClient] = lambda forge: forge,
    ) -> PublishResult:
        offer = Proposal(branch, base, words)
        return self.run(lambda forge: publish_one(wrap(forge), self.settings.branches(), offer, merge, self._waiting))

    def per_task(self, tasks: Sequence[str], branch: str = BRANCH) -> list[PublishResult]:
        offers = [Proposal(task_branch(branch, task), "main", Words(f"Do {task}"), task) for task in tasks]
        merge = MergeMode.WHEN_CHECKS_PASS
        return self.run(lambda forge: publish_in_order(forge, self.settings.branches(), offers, merge, self._waiting))

    def run(self, call: Callable[[ForgeClient], Awaitable[T]]) -> T:
        """Anything with the forge."""

        async def do() -> T:
            async with connected(
                ForgeType.GITEA, self.settings.branches(), self.settings.server(), self._waiting.clock
            ) as forge:
                return await call(forge)

        return asyncio.run(do())

    @property
    def _waiting(self) -> Waiting:
        return Waiting(seconds=self.seconds, settle=self.settle, clock=RetryClock(sleep=_nap))


@contextmanager
def checking(repository: Repository, judge: Callable[[str], str | tuple[str, str] | None]) -> Iterator[list[str]]:
    """Checks what is on the branches other than ``main``, each commit once, while the block runs; gives their SHAs.

    Args:
        repository: Where.
        judge: By a SHA, how the check "ci" of it ends, and what it says; None: it has not ended yet.
    """
    judged: list[str] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.25):
            heads = repository.heads()
            for sha in {sha: name for name, sha in heads.items() if name != "main"}:
                if sha not in judged and (state := judge(sha)):
                    judged.append(sha)
                    state, said = state if isinstance(state, tuple) else (state, "")
                    repository.set_status(sha, state, description=said)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield judged
    finally:
        stop.set()
        thread.join(SECONDS)


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Does something in a thread while the block runs, and waits for its end; what fails there, fails here."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(SECONDS)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


def until(condition: Callable[[], T], what: str) -> T:
    """Asks until the answer is something true."""
    return deadline.until(condition, what, seconds=SECONDS)


def shown(pull: dict[str, Any]) -> tuple[str, str, bool, list[str]]:
    """What is to be read on a pull request: title, text, whether it is a draft, labels."""
    return pull["title"], pull["body"], pull["draft"], sorted(label["name"] for label in pull["labels"])
