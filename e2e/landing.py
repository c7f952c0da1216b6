"""A repository on a Gitea that pods reach, and what a namespace needs to land there."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from e2e.room import Json, Room
from rig import Gitea
from rig.gitearepository import Repository


@dataclass
class Landing:
    """A repository that a namespace has the credentials of."""

    repository: Repository

    @property
    def url(self) -> str:
        """Its address."""
        return self.repository.url

    def git(self, **fields: Any) -> Json:
        """A project's ``spec.git``."""
        return {
            "url": self.url,
            "baseRef": "main",
            "credentialsSecretRef": {"name": "shop-git"},
            "author": {"name": "agents", "email": "agents@example.org"},
            "forge": {
                "type": "Gitea",
                "url": self.repository.gitea.url,
                "tokenSecretRef": {"name": "shop-forge", "key": "token"},
            },
            **fields,
        }

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether a commit, or one that begins so, is in another one's history."""
        seen, open_ = set[str](), [newer]
        while open_:
            commit = open_.pop()
            if commit.startswith(older):
                return True
            if commit not in seen:
                seen.add(commit)
                open_ += self.repository.parents(commit)
        return False


def make_landing(gitea: Gitea, room: Room) -> Landing:
    """Make a repository of the namespace's name, and the Secrets that the documentation names."""
    repository = gitea.repository("robot", room.namespace)
    token = gitea.token("robot", ["write:repository", "write:issue"])
    secrets = {
        "shop-git": {"username": "robot", "password": token, "ca.crt": gitea.ca_file.read_text()},
        "shop-forge": {"token": token},
    }
    for name, content in secrets.items():
        data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        room.kubectl("apply", "-f", "-", input=json.dumps(secret))
    return Landing(repository)
