"""Where a forge is, from the addresses that users write."""

from pathlib import Path

import pytest

from parallelproject.forge.clients.server import locate
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.spec import ForgeType

TOKEN = Path("/nowhere/token")
GITHUB, GITLAB, GITEA = ForgeType.GITHUB, ForgeType.GITLAB, ForgeType.GITEA


@pytest.mark.parametrize(
    ("kind", "url", "repository", "api", "project"),
    [
        (GITHUB, None, "https://github.com/acme/shop.git", "https://api.github.com", "acme/shop"),
        (GITHUB, None, "git@github.com:acme/shop.git", "https://api.github.com", "acme/shop"),
        (GITHUB, None, "ssh://git@github.com/acme/shop", "https://api.github.com", "acme/shop"),
        (GITHUB, "https://github.com/", "https://github.com/acme/shop", "https://api.github.com", "acme/shop"),
        (GITHUB, "https://api.github.com", "https://github.com/acme/shop", "https://api.github.com", "acme/shop"),
        (GITHUB, None, "https://ghe.acme.example/a/b.git", "https://ghe.acme.example/api/v3", "a/b"),
        (GITHUB, "https://ghe.example/api/v3/", "https://ghe.example/a/b", "https://ghe.example/api/v3", "a/b"),
        (GITHUB, None, "https://acme.ghe.com/a/b", "https://api.acme.ghe.com", "a/b"),
        (GITLAB, None, "https://gitlab.com/g/sub/p.git", "https://gitlab.com/api/v4", "g/sub/p"),
        (GITLAB, "https://x.example/gitlab", "https://x.example/gitlab/g/p", "https://x.example/gitlab/api/v4", "g/p"),
        (GITEA, "https://git.example", "https://git.example/a/b.git", "https://git.example/api/v1", "a/b"),
        (GITEA, None, "https://git.example:3000/a/b.git", "https://git.example:3000/api/v1", "a/b"),
        (GITEA, None, "ssh://git@git.example:2222/a/b.git", "https://git.example/api/v1", "a/b"),
        (GITEA, "http://127.0.0.1:3000", "https://git.example/a/b.git", "http://127.0.0.1:3000/api/v1", "a/b"),
        (GITEA, "http://[::1]:3000", "https://git.example/a/b.git", "http://[::1]:3000/api/v1", "a/b"),
    ],
)
def test_the_api_is_found(kind: ForgeType, url: str | None, repository: str, api: str, project: str) -> None:
    server = locate(kind, url, repository, TOKEN)
    assert (server.api, server.project) == (api, project)
    assert server.api.startswith(server.origin + "/") or server.api == server.origin


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("http://git.example", "https://git.example/a/b"),
        ("http://127.0.0.1.example", "https://git.example/a/b"),
        ("http://localhost.example", "https://git.example/a/b"),
        ("ftp://git.example", "https://git.example/a/b"),
        ("git.example", "https://git.example/a/b"),
        ("https://", "https://git.example/a/b"),
        ("https://user:secret-canary@git.example", "https://git.example/a/b"),
        ("https://secret-canary@git.example", "https://git.example/a/b"),
        ("https://git.example?token=secret-canary", "https://git.example/a/b"),
        (None, "https://git.example/b"),
        (None, "https://git.example/a/b/c"),
        (None, "https://git.example/a//b"),
        (None, "git@git.example:b.git"),
    ],
)
def test_no_token_is_sent_to_a_doubtful_address(url: str | None, repository: str) -> None:
    with pytest.raises(PolicyError) as error:
        locate(GITEA, url, repository, TOKEN)
    assert "canary" not in str(error.value)


def test_a_local_repository_has_no_forge_unless_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="set the forge's address"):
        locate(GITEA, None, str(tmp_path), TOKEN, project="a/b")
    assert locate(GITEA, "https://git.example", str(tmp_path), TOKEN, project="a/b").project == "a/b"
