"""No form in which a file has a secret hides it; ordinary files of a project have none."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.git.policy.secret_files import looks_secret
from parallelproject.local.workspace.copied_secrets import secret_values
from parallelproject.local.workspace.secret_forms import secrets_of

TOKENS = (
    "canary-4711-0815", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "c2VjcmV0OjQ3MTEtMDgxNQ==", "a/b+c.d_e~0123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.x-y_z0123456789",
)  # fmt: skip
FORMS = {
    "yaml": "server:\n  apiToken: {}\n",
    "yaml, in quotes": "server:\n  api-token: '{}'  # of the server\n",
    "yaml, in a list": "- name: x\n- password: {}\n",
    "yaml, a flow mapping": "server: {{host: h, token: {}, port: 1}}\n",
    "yaml, a block": "token: |\n  {}\nother: x\n",
    "json on one line": '{{"host": "h", "token": "{}", "port": 1}}',
    "json without blanks": '{{"host":"h","nested":{{"client_secret":"{}"}}}}',
    "json, its first name": '{{"token":"{}"}}',
    "pretty json": '{{\n  "host": "h",\n  "apiKey":\n    "{}"\n}}\n',
    "json in quotes": '{{"config": "{{\\"password\\":\\"{}\\",\\"x\\":1}}"}}',
    "npmrc": "registry=https://r.test/\n//r.test/:_authToken={}\n",
    "netrc on one line": "machine h.test login me password {}\n",
    "netrc": "machine h.test\n  login me\n  password {}\n",
    "ini": "[server]\nsecret_access_key = {}\n",
    "properties": "server.password:{}\n",
    "toml": '[server]\ntoken = "{}"\n',
    "shell export": "export API_TOKEN={}\n",
    "shell, two in a line": "export A=1 DB_PASSWORD='{}'\n",
    "shell, before a command": 'TOKEN="{}" make\n',
    "header": "Authorization: Bearer {}\n",
    "header, basic": "authorization: Basic {}\n",
    "header, of a key": "X-Api-Key: {}\n",
    "header in json": '{{"headers": {{"Authorization": "Bearer {}"}}}}',
    "header of a command": 'curl -H "Authorization: token {}" https://h.test\n',
    "address": "remote = https://me:{}@h.test/repo.git\n",
    "address of a database": 'DATABASE_URL="postgres://me:{}@db.test:5432/x"\n',
    "address without a user": "redis://:{}@h.test\n",
    "query of an address": "https://h.test/?access_token={}\n",
    "pgpass": "db.test:5432:x:me:{}\n",
    "xml": "<server><password>{}</password></server>\n",
    "php": "'secret' => '{}',\n",
    "of Windows": "TOKEN:{}\r\n",
}
_TEXT = string.ascii_letters + string.digits + "-_.+"
_IN_ADDRESS = {name for name in FORMS if name.startswith("address")}


def found_in(text: str) -> set[str]:
    return {value for _, value in secrets_of(text)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", TOKENS)
def test_no_form_hides_a_secret(form: str, token: str, tmp_path: Path) -> None:
    if form in _IN_ADDRESS:
        token = token.replace("/", "%2F")
    text = FORMS[form].format(token)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / "settings.conf"
        file.write_text(text, encoding=encoding, newline="")
        assert token in secret_values([file]), text
        assert token in secret_values([tmp_path]), text


@given(
    form=st.sampled_from(sorted(FORMS)),
    start=st.sampled_from(string.ascii_letters + string.digits),
    rest=st.text(_TEXT, min_size=12, max_size=60),
    around=st.lists(st.sampled_from(sorted(FORMS)), max_size=2),
)
def test_none_hides_any_other_one(form: str, start: str, rest: str, around: list[str]) -> None:
    token = f"{start}{rest}0"
    if not any(word in token.lower() for word in ("example", "change", "dummy", "placeholder", "your", "xxxx")):
        others = [FORMS[other].format("other-4711-0815") for other in around]
        assert token in found_in("\n".join([*others, FORMS[form].format(token), *others]))


@given(st.text(string.ascii_letters + string.digits + "-_./+=\"\\'#: ä\n", min_size=12, max_size=60))
def test_json_has_it_as_it_is_written_and_as_it_is_read(text: str) -> None:
    token = f"a{text}0"
    if not any(word in token.lower() for word in ("example", "change", "dummy", "placeholder", "your", "xxxx")):
        assert token in found_in(json.dumps({"a": 1, "token": token}))


ORDINARY = {
    "compose.yaml": "image: registry.test/auth:1.2.3-alpine3.18\nimage: auth:1.2.3-alpine3.18\n",
    "package.json": '{"author": "a1@h.test", "keywords": ["key-of-1-project"], "scripts": {"auth": "node a-1.js"}}',
    "deployment.yaml": "secretName: my-app-tls-2024\nkeyPath: /etc/keys/server-01.pem\nprimary_key: customer_number\n",
    "auth.toml": 'token_url = "https://auth0.test/token"\nauthority = "h-0000-1111-2"\nkeyboard = "us-intl-0001"\n',
    "app.env": "KEY=$OTHER_VARIABLE_1\nTOKEN=<your-token-1>\nPASSWORD=${PASSWORD_4711}\nSECRET={{ secret_4711 }}\n",
    "tsconfig.json": '{"compilerOptions": {"target": "es2022", "paths": {"@/*": ["./src/*"]}}}',
    "routes.yaml": "url: https://h.test:8080/a:b@c\n",
}


def test_ordinary_files_of_a_folder_have_none(tmp_path: Path) -> None:
    for name, text in ORDINARY.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert secret_values([tmp_path]) == ()


def test_sources_of_this_project_are_not_refused() -> None:
    top = Path(__file__).parents[3]
    assert secret_values([top / "operator", top / "charts", top / "docs"]) == ()
    for file in (top / "operator").rglob("*.py"):
        assert looks_secret(str(file.relative_to(top)), file.read_bytes()) is None


def test_a_long_line_takes_no_more_time_than_its_length() -> None:
    """As of a bundle: each of these took minutes in a search that is not linear."""
    for text in ("a" * 250_000, "key=" * 60_000, "a:" * 120_000, "://a:" * 50_000, '"key":"' * 30_000):
        list(secrets_of(text))
