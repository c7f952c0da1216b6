"""What the stages of an image's build do: gather its system, and compile its Python.

    pack.py system ROOT PACKAGE…
    pack.py python ROOT

The first takes Debian packages, and what they need, out of the system that this runs in; of one that is named as
``NAME:FILE``, that file alone. What comes out does not depend on when this runs: no caches, no logs, all times are one,
and bytecode says nothing of times. Scanners find the packages in ``/var/lib/dpkg/status.d``, as in other images without
a package manager.
"""

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Nothing that an image runs needs them: set-up of packages, manual pages, and git's commands that are written in Perl.
_LEFT_OUT = {
    "debconf", "dpkg", "git-man", "install-info", "liberror-perl", "media-types", "openssl", "passwd", "perl",
    "perl-base", "tzdata", "adduser",
}  # fmt: skip
_LEFT_OUT_FILES = re.compile(
    r"/usr/share/(?!doc/[^/]+/copyright$|ca-certificates|base-files|git-core)"
    r"|/etc/(init|init\.d|cron|default|logrotate|pam\.d|ssh|apt|dpkg|profile\.d|update-motd\.d|bash_completion\.d)(\.|/|$)"
    r"|/usr/lib/(systemd|tmpfiles\.d|sysusers\.d|valgrind|git-core/git-(daemon|http-backend|imap-send|sh-i18n|shell|cvs|svn"
    r"|p4|archimport|gui|citool))"
    r"|/usr/lib/python3[^/]*/(test|idlelib|lib2to3|turtledemo|ensurepip|distutils|tkinter|pydoc_data|venv)(/|$)"
    r"|/var/lib/dpkg|/usr/bin/(pydoc|pygettext|2to3|pdb|scalar|git-shell|scp|sftp|slogin|ssh-(?!keygen)|ischroot|run-parts"
    r"|savelog|tempfile|which)"
    r"|/root/|/etc/(skel|issue|debian_version|gss|netconfig)"
)
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_USER = 65532
_ASKED = {"check": True, "capture_output": True, "text": True}
_FIELDS = ("Package", "Version", "Architecture", "Source", "Maintainer", "Homepage", "Depends", "Description")


def main() -> None:
    """Do one step in the folder that is named."""
    step, root = sys.argv[1], Path(sys.argv[2])
    if step == "system":
        gather(root, sys.argv[3:])
    compile_python(root)
    for path in (*root.rglob("*"), root):
        os.utime(path, (0, 0), follow_symlinks=False)


def gather(root: Path, wanted: list[str]) -> None:
    """Fill the folder with packages."""
    for name in _MERGED:
        if Path("/", name).is_symlink():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
    links: dict[int, Path] = {}
    for package in sorted({"base-files", *closure([name for name in wanted if ":" not in name])}):
        for path in files_of(package):
            copy(path, root, links)
        note(package, root)
    for name in wanted:
        package, _, file = name.partition(":")
        if file:
            copy(file, root, links)
            note(package, root)
    settle(root)


def closure(packages: list[str]) -> set[str]:
    """The packages, and what they depend on as far as it is installed."""
    installed = set(subprocess.run(["dpkg-query", "--show", "--showformat=${Package}\n"], **_ASKED).stdout.split())
    found: set[str] = set()
    while packages:
        package = packages.pop()
        if package in found | _LEFT_OUT:
            continue
        found.add(package)
        for group in re.split(r",\s*", query(package, "${Pre-Depends}, ${Depends}")):
            for choice in group.split("|"):
                name = re.sub(r"[\s(:].*", "", choice.strip())
                if name in installed:
                    packages.append(name)
                    break
    return found


def query(package: str, fields: str) -> str:
    """Fields of an installed package, as dpkg-query formats them."""
    asked = ["dpkg-query", "--show", f"--showformat={fields}", package]
    return subprocess.run(asked, **_ASKED).stdout


def files_of(package: str) -> Iterator[str]:
    """The files of a package that are wanted."""
    listing = subprocess.run(["dpkg-query", "--listfiles", package], **_ASKED).stdout
    for path in listing.splitlines():
        if path != "/." and path.startswith("/") and not _LEFT_OUT_FILES.match(path):
            yield path


def copy(path: str, root: Path, links: dict[int, Path]) -> None:
    """Copy a file, a link or a folder; names of one file stay names of one file."""
    source = Path(path)
    if not os.path.lexists(source):  # removed when the system was set up
        return
    parent = root / Path(os.path.realpath(source.parent)).relative_to("/")
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / source.name
    if os.path.lexists(target):
        return
    status = source.lstat()
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir()
        target.chmod(status.st_mode & 0o1777)
    elif status.st_ino in links:
        target.hardlink_to(links[status.st_ino])
    else:
        shutil.copyfile(source, target)
        target.chmod(status.st_mode & 0o777)  # none runs with another's rights
        links[status.st_ino] = target


def note(package: str, root: Path) -> None:
    """Write down, for scanners, that the package is there."""
    folder = root / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True, exist_ok=True)
    fields = "".join(f"{field}: ${{{field}}}\n" for field in _FIELDS)
    lines = query(package, fields + "Status: install ok installed\n").splitlines()
    told = [line for line in lines if line.startswith(" ") or line.partition(": ")[2]]
    (folder / package).write_text("\n".join(told) + "\n")


def settle(root: Path) -> None:
    """What packages do when they are installed, as far as it is needed here."""
    account = f"pproj:x:{_USER}:{_USER}::/tmp:/usr/sbin/nologin\n"
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0::/:/usr/sbin/nologin\n" + account)
    (root / "etc/group").write_text(f"root:x:0:\npproj:x:{_USER}:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    certificates = root / "etc/ssl/certs/ca-certificates.crt"
    certificates.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", certificates)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    shutil.rmtree(root / "var/cache", ignore_errors=True)


def compile_python(root: Path) -> None:
    """Compile all of it: where it runs it can write nothing, and would compile it anew each time it starts.

    Not the thousands of modules of a client's typed interface, of which a few are used: they would be half the image.
    """
    compileall.compile_dir(
        root, quiet=1, stripdir=str(root), prependdir="/" if (root / "etc").exists() else "/usr/local", force=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        rx=re.compile(r"/kubernetes/(aio/)?client/(api|models)/."),
    )  # fmt: skip


if __name__ == "__main__":
    main()
