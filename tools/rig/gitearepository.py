"""One repository on a Gitea of the rig, as its administrator sees it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rig.errors import ApiError

if TYPE_CHECKING:
    from rig.gitea import Gitea


@dataclass(frozen=True)
class Repository:
    """What others do to a repository while it is published to, and what is to be seen of it."""

    gitea: "Gitea"
    owner: str
    name: str

    @property
    def url(self) -> str:
        """Its address for git."""
        return f"{self.gitea.url}/{self.owner}/{self.name}.git"

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request about it, see ``Gitea.request``."""
        return self.gitea.request(method, f"/repos/{self.owner}/{self.name}{path}", body)

    def commit(self, branch: str, files: Mapping[str, str], message: str, *, start: str | None = None) -> str:
        """Make a commit that writes ``files``, and give its SHA.

        Args:
            branch: Where.
            files: New contents by path.
            message: Its message.
            start: The branch that ``branch`` is made from, if it is not there yet.
        """
        where = {"branch": branch} if start is None else {"branch": start, "new_branch": branch}
        changes = [
            {"operation": "upload", "path": path, "content": base64.b64encode(content.encode()).decode()}
            for path, content in files.items()
        ]
        made = self.request("POST", "/contents", {**where, "message": message, "files": changes})
        return str(made["commit"]["sha"])

    def tip(self, branch: str) -> str | None:
        """The SHA at the tip of a branch; None: there is no such branch."""
        try:
            return str(self.request("GET", f"/branches/{quote(branch)}")["commit"]["id"])
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def text(self, path: str, ref: str = "main") -> str:
        """What a file says on a branch."""
        found = self.request("GET", f"/contents/{quote(path)}?ref={quote(ref, safe='')}")
        return base64.b64decode(found["content"]).decode()

    def heads(self) -> dict[str, str]:
        """The SHAs at the tips of all branches, by their names."""
        listed = self.request("GET", "/git/refs/heads")
        return {row["ref"].removeprefix("refs/heads/"): row["object"]["sha"] for row in listed}

    def about(self, commit: str) -> dict[str, Any]:
        """A commit: its ``parents``, and in ``commit`` its ``message``."""
        found: dict[str, Any] = self.request("GET", f"/git/commits/{commit}?stat=false&files=false&verification=false")
        return found

    def changed(self, commit: str) -> list[str]:
        """The paths of the files that a commit changes."""
        found = self.request("GET", f"/git/commits/{commit}?stat=false&files=true&verification=false")
        return [str(file["filename"]) for file in found["files"]]

    def parents(self, commit: str) -> list[str]:
        """The SHAs of a commit's parents."""
        return [str(parent["sha"]) for parent in self.about(commit)["parents"]]

    def protect(self, rule: str, checks: Sequence[str] = (), **more: Any) -> None:
        """Protect branches, and require checks of what is merged into them; everyone who may write may push.

        Args:
            rule: The branch's name, or a pattern.
            checks: Names, or patterns, of the statuses that must be there.
            more: Other fields of Gitea's CreateBranchProtectionOption.
        """
        required = {"enable_status_check": bool(checks), "status_check_contexts": list(checks)}
        self.request("POST", "/branch_protections", {"rule_name": rule, "enable_push": True, **required, **more})

    def set_status(self, commit: str, state: str, context: str = "ci", description: str = "") -> None:
        """Say how a check of a commit has ended: ``pending``, ``success``, ``failure``, ``error`` or ``warning``."""
        self.request("POST", f"/statuses/{commit}", {"state": state, "context": context, "description": description})

    def pulls(self, state: str = "all") -> list[dict[str, Any]]:
        """Its pull requests, oldest first."""
        found: list[dict[str, Any]] = []
        while page := self.request("GET", f"/pulls?state={state}&sort=oldest&limit=50&page={len(found) // 50 + 1}"):
            found += page
            if len(page) < 50:
                break
        return found

    def pull(self, number: int) -> dict[str, Any]:
        """One of its pull requests."""
        found: dict[str, Any] = self.request("GET", f"/pulls/{number}")
        return found

    def comments(self, number: int) -> list[str]:
        """What was said on a pull request."""
        return [str(row["body"]) for row in self.request("GET", f"/issues/{number}/comments")]

    def close(self, number: int) -> None:
        """Close a pull request without merging it."""
        self.request("PATCH", f"/pulls/{number}", {"state": "closed"})
