"""Files that contain credentials, by their name or form, as tools leave them in a work tree. Pure.

``secret_content`` detects a credential by its own form. This file detects the files in which programs keep credentials
of any form: an environment file, a private key, a registry's login.
"""

import re
from pathlib import PurePosixPath

_ANY = rb"\S"
_VALUE = rb"""[ \t]*[=: ][ \t]*["']?(?!\$|<|\{|%|["'\s]|x{3}|null\b)[^\s"'$<{]{4,}"""
"""A literal value: no variable and no placeholder."""


def _is_set(*names: bytes) -> bytes:
    return rb"(?:%s)[\"']?%s" % (b"|".join(names), _VALUE)


_WORD = rb"(?m)^[ \t]*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_.]*[ \t]*="
_REGISTRY = "the login of a registry"
_CLOUD = "credentials of a cloud"
_LOGIN = "an agent's login"
_SECRETS = "a file of credentials"
_FILES: tuple[tuple[str, str, bytes], ...] = (
    # What it is, the path it fits from some folder on, and what its content must have.
    ("an environment file", r"\.env(\.[^/]+)?|[^/]+\.env", _WORD),
    ("a private SSH key", r"id_(rsa|dsa|ecdsa|ed25519|xmss)(_sk)?([._-][^/]+)?(?<!\.pub)", _ANY),
    ("a private key", r"[^/]*priv[^/]*\.(pem|key|der|asc)|[^/]+\.(ppk|p8)|(server|client|tls|ssl)\.key", _ANY),
    ("a key store", r"[^/]+\.(p12|pfx|jks|keystore|kdbx)(?<!debug\.keystore)", _ANY),
    (_REGISTRY, r"\.npmrc|\.yarnrc(\.yml)?", _is_set(rb"_authToken", rb"_auth", rb"_password", rb"npmAuth\w+")),
    (_REGISTRY, r"\.pypirc|pip\.conf|\.cargo/credentials(\.toml)?", _is_set(rb"password", rb"token")),
    (_REGISTRY, r"\.gem/credentials", _is_set(rb":rubygems_api_key")),
    (_REGISTRY, r"\.m2/settings\.xml", rb"<password>[^<$]"),
    (_REGISTRY, r"\.docker/config\.json|\.docker(cfg|configjson)", rb'"(?:auth|identitytoken)"[ \t]*:[ \t]*"[^"$]'),
    ("a file of logins", r"\.netrc|_netrc|\.git-credentials|\.pgpass|\.htpasswd|\.my\.cnf", rb"password|:[^\s:]"),
    (_CLOUD, r"\.aws/credentials|\.config/gcloud/.+|gcloud/[^/]*credentials[^/]*|\.azure/.+\.json", _ANY),
    (_CLOUD, r"application_default_credentials\.json", _ANY),
    (_SECRETS, r"credentials\.json|client_secrets?[^/]*\.json|\.?vault[-_](token|pass)[^/]*|master\.key", _ANY),
    (_LOGIN, r"\.claude/\.credentials\.json|\.codex/auth\.json|\.gemini/oauth_creds\.json", _ANY),
    (_LOGIN, r"opencode/auth\.json|gh/hosts\.yml", _ANY),
    (
        "access to a cluster", r"(?:\.kube/config|[^/]*kubeconfig[^/]*)(?<!\.md)",
        rb"client-key-data|token:|password:|exec:",
    ),
    (
        "a state that holds credentials", r"[^/]+\.tfstate(\.backup)?",
        rb'"(?:password|secret|token|private_key)[^"]*"[ \t]*:[ \t]*"[^"]',
    ),
)  # fmt: skip
_KNOWN = tuple((what, re.compile(rf"(?:.*/)?(?:{path})"), re.compile(content)) for what, path, content in _FILES)
_EXAMPLE = re.compile(
    r"(?:^|[._-])(?:examples?|samples?|templates?|tmpl|tpl|dist|defaults?|schema|j2|erb|"
    r"enc|encrypted|sops|gpg|age|pub)(?:[._-]|$)",
    re.IGNORECASE,
)
_FIXTURES = frozenset(
    [
        "test",
        "tests",
        "testdata",
        "test-data",
        "test_data",
        "fixture",
        "fixtures",
        "__fixtures__",
        "spec",
        "specs",
        "mock",
        "mocks",
        "__mocks__",
        "example",
        "examples",
        "sample",
        "samples",
        "testing",
    ]
)


def looks_secret(path: str, content: bytes) -> str | None:
    """What a new file seems to contain; None: nothing known.

    Examples and templates, encrypted files, public keys, and files in a folder of tests are ignored.

    Args:
        path: Relative to the repository.
        content: Its content; for a large file, the part that was read.
    """
    *folders, name = PurePosixPath(path).parts
    if not content.strip() or _EXAMPLE.search(name) or not _FIXTURES.isdisjoint(part.casefold() for part in folders):
        return None
    for what, fits, holds in _KNOWN:
        if fits.fullmatch(path) and holds.search(content):
            return what
    return None
