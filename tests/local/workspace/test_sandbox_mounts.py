"""What the sandbox mounts, and in which order: pure, so that it holds where Bubblewrap is not installed."""

from pathlib import Path

import pytest
from hypothesis import given as examples_of
from hypothesis import strategies as st

from parallelproject.local.workspace.sandbox import Bubblewrap, _not_in_another
from parallelproject.model.agents import AgentType
from parallelproject.model.names import ENV_OUTPUTS, ENV_WORKSPACE

READ_ONLY, WRITABLE, HIDDEN = "--ro-bind-try", "--bind-try", "--tmpfs"


class World:
    """A machine with a user's home, a checkout and the state of a run."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home, self.checkout = top / "home/user", top / "src/checkout"
        self.state = self.checkout / ".pproj/demo"
        for folder in (".cache", ".npm", ".config", ".claude", ".ssh"):
            (self.home / folder).mkdir(parents=True)
        self.state.mkdir(parents=True)
        self.workspaces = top / "workspaces"
        self.environment = {"HOME": str(self.home), "PATH": "/usr/bin"}

    def mounts(self, agent: AgentType | None = None, *linked: str) -> list[tuple[str, str]]:
        """What is mounted where, in the order of it."""
        sandbox = Bubblewrap("bwrap", "env", (str(self.checkout),), linked)
        own = {ENV_WORKSPACE: f"{self.workspaces}/a.1/a", ENV_OUTPUTS: f"{self.state}/outputs/a"}
        words = sandbox.prefix(own, str(self.state), agent, self.environment)
        found = []
        for at, word in enumerate(words[: words.index("--chdir")]):
            if word in (READ_ONLY, WRITABLE):
                assert words[at + 1] == words[at + 2]
                found.append((word, words[at + 1]))
            elif word == HIDDEN:
                found.append((word, words[at + 1]))
        return found

    def seen(self, path: Path | str, agent: AgentType | None = None) -> str:
        """How a path is seen, by the mounts: the last one that it is in decides."""
        found = READ_ONLY
        for how, folder in self.mounts(agent):
            if f"{path}/".startswith(f"{folder.rstrip('/')}/"):
                found = how
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path.resolve())


def test_only_what_is_the_attempts_own_or_its_agents_is_writable(world: World) -> None:
    writable = [world.home / ".cache/x", world.home / ".claude/x", f"{world.workspaces}/a.1/x"]
    assert {world.seen(path, AgentType.CLAUDE_CODE) for path in writable} == {WRITABLE}
    assert world.seen(f"{world.state}/outputs/a/x") == WRITABLE
    read_only = [world.home / ".ssh/x", world.home / ".codex/x", f"{world.state}/tasks/x", f"{world.state}/outputs/b"]
    assert {world.seen(path, AgentType.CLAUDE_CODE) for path in read_only} == {READ_ONLY}
    assert world.seen(world.home / ".codex/x") == WRITABLE, "of a command that may start any agent"
    assert {world.seen(path) for path in (world.checkout / "x", f"{world.state}/git/x")} == {HIDDEN}


@pytest.mark.parametrize("agent", [AgentType.OPEN_CODE, None])
@pytest.mark.parametrize("name", ["opencode", "deep/opencode"])
@pytest.mark.parametrize("to", [".ssh", "/"])
def test_a_link_that_a_task_has_made_in_a_writable_folder_is_not_followed(
    world: World, agent: AgentType | None, name: str, to: str
) -> None:
    """The next attempt would write where it leads."""
    if name != "opencode":
        world.environment["XDG_CACHE_HOME"] = str(world.home / ".cache/deep")
    link = world.home / ".cache" / name.split("/")[0]
    link.symlink_to(world.home / to)
    (world.home / ".ssh/opencode").mkdir()
    assert world.seen(world.home / ".ssh/x", agent) == READ_ONLY
    assert world.seen(world.home / ".ssh/opencode/x", agent) == READ_ONLY
    assert world.seen(link, agent) == WRITABLE, "as all of the folder above"


def test_links_of_the_user_are_followed(world: World) -> None:
    (world.top / "disk").mkdir()
    (world.home / ".config/opencode").symlink_to(world.top / "disk")
    assert world.seen(world.top / "disk/x", AgentType.OPEN_CODE) == WRITABLE


def test_a_link_of_the_user_that_leads_through_a_writable_folder_is_not_followed(world: World) -> None:
    """Its last part is the task's."""
    (world.home / ".cache/mine").symlink_to(world.home / ".ssh")
    (world.home / ".config/opencode").symlink_to("../.cache/mine")
    assert world.seen(world.home / ".ssh/x", AgentType.OPEN_CODE) == READ_ONLY


def test_a_home_by_two_paths_is_one(world: World) -> None:
    other = world.top / "other"
    other.symlink_to(world.home)
    world.environment["XDG_CACHE_HOME"] = str(other / ".cache")
    (world.home / ".cache/opencode").symlink_to(world.home / ".ssh")
    assert world.seen(world.home / ".ssh/x", AgentType.OPEN_CODE) == READ_ONLY
    (world.home / ".cache/opencode").unlink()
    (world.home / ".cache/opencode").symlink_to("/")
    assert world.seen(world.home / ".ssh/x", AgentType.OPEN_CODE) == READ_ONLY


def test_what_is_hidden_or_read_only_stays_so_in_a_writable_folder(world: World) -> None:
    """The checkout, the state and the workspaces are in the cache of the user."""
    (world.home / ".cache/src").mkdir()
    world.checkout = world.home / ".cache/src/checkout"
    world.checkout.mkdir()
    world.workspaces = world.home / ".cache/run/workspaces"
    assert world.seen(world.checkout / "x") == HIDDEN
    world.state = world.home / ".cache/run"
    assert world.seen(world.state / "state.db") == READ_ONLY
    assert world.seen(world.state / "workspaces/b.1/b") == READ_ONLY
    assert world.seen(world.state / "workspaces/a.1/a") == WRITABLE
    assert world.seen(world.state / "outputs/a") == WRITABLE
    world.state = world.checkout / ".pproj/demo"
    assert world.seen(world.state / "state.db") == HIDDEN
    assert world.seen(world.state / "tasks/x") == READ_ONLY


def test_what_is_linked_is_read_only_in_the_hidden_checkout(world: World) -> None:
    linked = str(world.checkout / "node_modules")
    mounts = world.mounts(None, linked)
    assert mounts.index((HIDDEN, str(world.checkout))) < mounts.index((READ_ONLY, linked))


def test_a_circle_of_links_ends(world: World) -> None:
    (world.home / ".config/opencode").symlink_to(world.home / ".config/opencode")
    assert world.seen(world.home / ".config/x", AgentType.OPEN_CODE) == READ_ONLY


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@examples_of(st.lists(names, max_size=6))
def test_all_that_is_asked_for_is_in_what_is_left_and_nothing_of_that_is_in_another(paths: list[str]) -> None:
    left = _not_in_another(paths)
    for path in paths:
        assert any(f"{path}/".startswith(f"{other}/") for other in left)
    for path in left:
        assert not any(path.startswith(f"{other}/") for other in left if other != path)
