"""Credentials over a real HTTPS server and through ssh: they work, are read anew, go to one host, and show nowhere."""

import base64
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import clean
from parallelproject.git.plumbing.outcome import AuthOrProtectedError, DeliveryError, Outcome, PolicyError
from tests.git.remote import BRANCH, ENVIRONMENT, Attempt, Remote, git

CANARY = "canary-token-0123456789-äß'\"$(x)"


class Server(http.server.ThreadingHTTPServer):
    """git-http-backend behind basic authentication."""

    password = CANARY
    redirect = ""
    remote: Remote
    seen: list[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.server.seen.append(given)
        body = self._body()
        if self.server.redirect:
            return self._answer(302, {"Location": self.server.redirect + self.path}, b"")
        wanted = base64.b64encode(f"robot:{self.server.password}".encode()).decode()
        if given != f"Basic {wanted}":
            return self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, f"no, not {given}".encode())
        parts = urlsplit(self.path)
        environment = {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.server.remote.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "robot",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "CONTENT_LENGTH": str(len(body)),
        }
        said = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return self._answer(int(fields.pop("Status", "200 OK").split()[0]), fields, content)

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, code: int, fields: dict[str, str], content: bytes) -> None:
        self.send_response(code)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         *subject, "-keyout", folder / "key.pem", "-out", folder / "ca.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def serve(remote: Remote, certificate: Path) -> Server:
    server = Server(("127.0.0.1", 0), Handler)
    server.remote, server.seen = remote, []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.crt", certificate / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def server(remote: Remote, certificate: Path) -> Iterator[Server]:
    git(remote.path, "config", "http.receivepack", "true")
    server = serve(remote, certificate)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def mounted(tmp_path: Path, certificate: Path) -> Path:
    folder = tmp_path / "credentials with a space"
    folder.mkdir()
    (folder / "username").write_text("robot")
    (folder / "password").write_text(CANARY + "\n")
    (folder / "ca.crt").write_bytes((certificate / "ca.crt").read_bytes())
    return folder


def over_https(server: Server, mounted: Path, task: str = "a") -> Attempt:
    url = f"https://127.0.0.1:{server.server_port}/remote.git"
    delivery = Delivery(url=url, branch=BRANCH, run="run-1", task=task, credentials=mounted)
    folder = server.remote.folder / f"https-{task}"
    return Attempt(delivery, Place(folder / "workspace", folder / "private"))


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_task_is_delivered_over_https(server: Server, mounted: Path) -> None:
    attempt = over_https(server, mounted)
    attempt.prepare()
    attempt.write("x", "1")
    assert attempt.land().outcome is Outcome.LANDED
    assert server.remote.tasks() == ["a"]
    folder = server.remote.folder / "https-a"
    assert CANARY.encode() not in everything_in(folder)
    assert base64.b64encode(f"robot:{CANARY}".encode()) not in everything_in(folder)


def test_the_credential_is_in_no_argument_of_any_process(
    server: Server, mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen by programs that stand before the real ones and write down what they are given."""
    journal, stand_ins = tmp_path / "journal", tmp_path / "bin"
    stand_ins.mkdir()
    for name in ("git", "sh", "cat", "printf"):
        real = next(path for path in (Path(folder) / name for folder in os.environ["PATH"].split(":")) if path.exists())
        (stand_ins / name).write_text(f'#!/bin/bash\nprintf "%s\\n" "$0 $*" >> "{journal}"\nexec "{real}" "$@"\n')
        (stand_ins / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_ins}:{os.environ['PATH']}")
    attempt = over_https(server, mounted)
    attempt.prepare()
    attempt.write("x", "1")
    attempt.land()
    assert "fetch" in journal.read_text()
    assert "canary" not in journal.read_text()


def test_a_credential_that_changes_is_read_again(server: Server, mounted: Path) -> None:
    attempt = over_https(server, mounted)
    attempt.prepare()
    attempt.write("x", "1")
    server.password = "another-token-98765"
    (mounted / "password").unlink()
    (mounted / "token").write_text(server.password)
    assert attempt.land().outcome is Outcome.LANDED


def test_a_wrong_credential_is_final_and_told_without_it(server: Server, mounted: Path) -> None:
    (mounted / "password").write_text("wrong-canary-token-1")
    with pytest.raises(AuthOrProtectedError) as error:
        over_https(server, mounted).prepare()
    assert error.value.exit_code == 23
    assert "Authentication failed" in str(error.value)
    assert "canary" not in str(error.value)


def test_a_credential_goes_to_its_host_only(server: Server, mounted: Path, certificate: Path) -> None:
    other = serve(server.remote, certificate)
    other.password = "nobody knows"
    server.redirect = f"https://localhost:{other.server_port}"
    with pytest.raises(DeliveryError):
        over_https(server, mounted).prepare()
    assert [given for given in other.seen if given] == []
    other.shutdown()
    other.server_close()


def test_no_work_may_contain_the_credential_that_delivers_it(server: Server, mounted: Path) -> None:
    attempt = over_https(server, mounted)
    attempt.prepare()
    attempt.write("x", f"I found {CANARY}!\n")
    with pytest.raises(PolicyError, match="a credential of this delivery, in line 1") as error:
        attempt.land()
    assert CANARY not in str(error.value)
    assert CANARY not in git(server.remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    folder = tmp_path / "ssh credentials"
    folder.mkdir()
    file = folder / "ssh-privatekey"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file


def test_ssh_is_called_with_the_key_and_the_pinned_host(
    remote: Remote, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in that checks its arguments with the real ssh, and then runs the remote's side here."""
    (key.parent / "known_hosts").write_text("git.example ssh-ed25519 AAAA\n")
    public = key.with_name("ssh-privatekey.pub").read_text().split()[1]
    key.write_text(key.read_text().rstrip("\n"))  # as a Secret often is: without its last newline
    key.chmod(0o644)  # and readable by all
    journal, stand_ins = tmp_path / "journal", tmp_path / "bin"
    stand_ins.mkdir()
    (stand_ins / "ssh").write_text(
        f'#!/bin/bash\n/usr/bin/ssh -G "${{@:1:$#-1}}" >> "{journal}" || exit 1\n'
        f'while [ "$1" != -i ]; do shift; done\nssh-keygen -y -f "$2" >> "{journal}" || exit 1\n'
        'eval "${@: -1}"\n'
    )
    (stand_ins / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_ins}:{os.environ['PATH']}")
    attempt = remote.attempt("a")
    url = f"ssh://git@git.example:2222{remote.path}"
    attempt.delivery = replace(attempt.delivery, credentials=key.parent, url=url, local=False)
    attempt.prepare()
    attempt.write("x", "1")
    attempt.land()
    said = journal.read_text()
    for line in (
        "hostname git.example", "user git", "port 2222", "stricthostkeychecking true", "batchmode yes",
        "identitiesonly yes",
        "forwardagent no", "permitlocalcommand no", "globalknownhostsfile /dev/null", public,
    ):  # fmt: skip
        assert line in said, line
    assert f"userknownhostsfile {key.parent}/known_hosts" in said.replace('"', "")


def test_ssh_without_pinned_hosts_is_refused(remote: Remote, key: Path) -> None:
    attempt = remote.attempt("a")
    delivery = Delivery(url="git@git.example:x/y.git", branch=BRANCH, run="r", task="a", credentials=key.parent)
    with pytest.raises(AuthOrProtectedError, match="no known_hosts for ssh"):
        Attempt(delivery, attempt.place).prepare()


def test_commits_on_the_branch_are_signed_where_a_key_is_given(remote: Remote, key: Path) -> None:
    attempt = remote.done("a", {"x": "1"}, signing_key=key)
    attempt.land()
    signers = remote.folder / "signers"
    public = key.with_name("ssh-privatekey.pub").read_text()
    signers.write_text(f"parallelproject@localhost {public}")
    git(remote.path, "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", BRANCH)


def test_a_login_in_an_address_of_git_s_words_is_left_out_whatever_it_is_made_of() -> None:
    said = b"fatal: unable to access 'https://user:p@ss:w@rd@git.example/x.git/': no"
    assert clean(said, ()) == "fatal: unable to access 'https://git.example/x.git/': no"
