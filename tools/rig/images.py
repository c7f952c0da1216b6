"""The project's images: built with docker or buildah where one is there, else with a buildah and a base made here.

    python -m rig.images [--prefix localhost/] [--check]

What goes into them is put together here, so that their build downloads nothing but, where docker has to find a base,
that base: the package and the requirements as pinned with their hashes, for the image's Python, and ``pproj-wrap``.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.base import base_tar
from rig.binaries import find_or_build_wrapper
from rig.cache import Progress, cache_folder, say_on_stderr
from rig.command import run
from rig.errors import RigError
from rig.packages import Unpacked, find_or_unpack

ROOT = Path(__file__).parents[2]
TARGETS = {"controller": "parallelproject", "git": "parallelproject-git"}
"""The names of the images, by the Dockerfile's targets."""
_PINNED = ROOT / "requirements" / "image.txt"
"""What the controller's image needs, with hashes."""
_GIT_NEEDS = ("aiohttp", "jinja2", "pydantic")
"""Of the package's requirements those of ``pproj-git`` and ``pproj-publish``."""
_SCRIPTS = {"controller": ("pproj",), "git": ("pproj-git", "pproj-publish")}
_PYTHON = "3.11"
_PLATFORM = f"{platform.machine()}-manylinux_2_28"
_SITE = f"lib/python{_PYTHON}/dist-packages"
_SCRIPT = "#!/usr/bin/python3 -I\nimport sys\n\nfrom {module} import {name}\n\nsys.exit({name}())\n"
_PACKAGES = ("buildah", "runc")
_KEPT_MAX = 60
"""So many images, those of single steps included, are kept for later builds: with more, all without a name go."""


@dataclass(frozen=True)
class Builder:
    """What builds images: docker, or buildah."""

    command: tuple[str, ...]
    """How it is called, with what every call of it needs."""
    build_options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_docker(self) -> bool:
        """Whether it is docker."""
        return Path(self.command[0]).name == "docker"

    def build(self, folder: Path, arguments: Sequence[str]) -> None:
        """Build the Dockerfile in ``folder``."""
        self.run("build", *self.build_options, *arguments, str(folder))

    def save(self, image: str, file: Path) -> None:
        """Write an image into a file, as containerd and kind load it."""
        if self.is_docker:
            self.run("save", "--output", str(file), image)
        else:
            file.unlink(missing_ok=True)  # it would add to it
            self.run("push", *self.build_options[:2], image, f"docker-archive:{file}:{image}")

    def push(self, image: str) -> None:
        """Push an image to its registry."""
        self.run("push", *(() if self.is_docker else self.build_options[:2]), image)

    def run(self, *arguments: str) -> str:
        """Run one of its commands; what it says on its standard output.

        Raises:
            RigError: It failed.
        """
        return run([*self.command, *arguments], self.environment, what=f"{Path(self.command[0]).name} {arguments[0]}")


def find_builder(progress: Progress = say_on_stderr) -> Builder:
    """docker where it runs, else buildah, which is fetched if it is missing."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
        return Builder((docker,))
    if os.geteuid() != 0:
        raise RigError("images are built by docker, which does not run here, or by buildah, as root")
    unpacked = find_or_unpack("buildah", _PACKAGES, ("buildah", "runc"), progress=progress)
    return _buildah(unpacked)


def _buildah(unpacked: Unpacked) -> Builder:
    storage = cache_folder() / "images"
    registries = storage / "registries.conf"
    storage.mkdir(parents=True, exist_ok=True)
    _write(registries, "unqualified-search-registries = []\n")
    policy = storage / "policy.json"
    _write(policy, '{"default": [{"type": "insecureAcceptAnything"}]}\n')  # of images made here
    libraries = storage / "ld.so.cache"
    folders = unpacked.environment["LD_LIBRARY_PATH"].split(os.pathsep)
    with tempfile.NamedTemporaryFile(dir=storage) as made:  # others may be reading the one that is there
        run(["ldconfig", "-X", "-C", made.name, *folders], unpacked.environment)
        _write(libraries, Path(made.name).read_bytes())
    # It starts itself again without its environment, but not without what is mounted.
    with_libraries = (
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" /etc/ld.so.cache && exec "$@"',
        str(libraries),
    )
    return Builder(
        (
            *with_libraries,
            unpacked["buildah"],
            "--root",
            str(storage / "storage"),
            "--runroot",
            str(storage / "run"),
            "--storage-driver",
            "overlay",
        ),
        ("--signature-policy", str(policy), "--isolation", "chroot", "--pull-never", "--layers"),
        {**unpacked.environment, "CONTAINERS_REGISTRIES_CONF": str(registries)},
    )


def _write(file: Path, content: str | bytes) -> None:
    """Replace a file, whole: other processes read it."""
    data = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
        new.write(data)
    Path(new.name).replace(file)


def version() -> str:
    """The version of the project, which is its images' tag."""
    return str(_project()["version"])


def _project() -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return described


def build_images(prefix: str = "localhost/", *, cached: bool = True, progress: Progress = say_on_stderr) -> list[str]:
    """Build all images; their full names.

    Args:
        prefix: What their names begin with.
        cached: Whether what was built before may be taken.
        progress: Called with each step.

    Raises:
        RigError: They could not be built.
    """
    builder = find_builder(progress)
    names = []
    with tempfile.TemporaryDirectory(prefix="parallelproject-images-") as folder:
        context = Path(folder)
        if not builder.is_docker and len(builder.run("images", "--all", "--quiet").split()) > _KEPT_MAX:
            builder.run("rmi", "--prune", "--force")
        epoch = _git("log", "-1", "--format=%ct")
        _fill(context, epoch, progress)
        for target, name in TARGETS.items():
            image = f"{prefix}{name}:{version()}"
            progress(f"building {image} ...")
            arguments = ["--target", target, "--tag", image, "--build-arg", f"SOURCE_DATE_EPOCH={epoch}"]
            if not builder.is_docker:
                arguments += ["--build-arg", f"BASE={base_image(builder, progress)}", "--timestamp", epoch]
            arguments += [] if cached else ["--no-cache"]
            for key, value in _labels(name).items():
                arguments += ["--label", f"org.opencontainers.image.{key}={value}"]
            builder.build(context, arguments)
            names.append(image)
    return names


def save_images(images: Sequence[str], folder: Path) -> list[Path]:
    """Write images into files of ``folder``, an image a file."""
    builder = find_builder()
    files = [folder / f"{image.rpartition('/')[2].replace(':', '-')}.tar" for image in images]
    for image, file in zip(images, files, strict=True):
        builder.save(image, file)
    return files


def size_of(name: str) -> int:
    """The bytes of an image of the project, not compressed; ``name`` is without its tag."""
    with tempfile.TemporaryDirectory(prefix="parallelproject-images-") as folder:
        (file,) = save_images([f"{name}:{version()}"], Path(folder))
        return file.stat().st_size


def build_image(dockerfile: str, image: str, files: Mapping[str, Path] | None = None) -> str:
    """Build an image for a test, from scratch or from one of our images; returns its name."""
    builder = find_builder()
    with tempfile.TemporaryDirectory(prefix="parallelproject-images-") as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(dockerfile)
        for name, file in (files or {}).items():
            shutil.copy2(file, context / name)
        builder.build(context, ["--tag", image])
    return image


def base_image(builder: Builder, progress: Progress) -> str:
    """A base for buildah: made once, and kept in its storage."""
    tar = base_tar(progress)
    image = f"localhost/parallelproject-base:{tar.parent.name}"
    if not builder.run("images", "--quiet", "--filter", f"reference={image}").strip():
        with tempfile.TemporaryDirectory(prefix="parallelproject-images-") as folder:
            shutil.copy2(tar, Path(folder) / "base.tar")
            (Path(folder) / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
            builder.build(Path(folder), ["--tag", image])
    return image


def _labels(name: str) -> dict[str, str]:
    project = _project()
    created = _git("log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ")
    labels = {
        "title": name,
        "description": str(project["description"]),
        "version": str(project["version"]),
        "revision": _git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"),
        "licenses": str(project["license"]),
        "created": created,
    }
    if source := os.environ.get("IMAGE_SOURCE"):
        labels["source"] = source
    return labels


def _git(*arguments: str) -> str:
    hint = f"images are labelled with the commit of {ROOT}"
    return run(["git", "-C", ROOT, *arguments], {"TZ": "UTC"}, what=f"git {arguments[0]}", hint=hint).strip()


def _fill(context: Path, epoch: str, progress: Progress) -> None:
    """Put together what the Dockerfile copies."""
    progress("gathering what the images need ...")
    package = context / "package" / _SITE
    _install(package, ["--no-deps", str(_wheel(context / "wheel", epoch))])
    shutil.rmtree(context / "wheel")
    needs = {"controller": ["--requirements", str(_PINNED)], "git": ["--constraints", str(_PINNED), *_GIT_NEEDS]}
    for target, requirements in needs.items():
        _install(context / f"{target}-needs" / _SITE, requirements)
        for name in _SCRIPTS[target]:
            _write_script(context / f"{target}-programs" / name, package, name)
    programs = context / "git-programs"
    shutil.copyfile(find_or_build_wrapper(), programs / "pproj-wrap")
    for name in ("ssh", "ssh-keygen"):
        shutil.copyfile(ROOT / "images" / "bin" / "ssh", programs / name)
    for name in ("Dockerfile", "pack.py"):
        shutil.copyfile(ROOT / "images" / name, context / name)
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.parent.name.endswith("-programs") else 0o644)
        os.utime(path, (0, 0))  # else a commit would change every layer


def _wheel(folder: Path, epoch: str) -> Path:
    """The package as a wheel, from a copy of its sources: a build leaves files next to them."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z", "operator", *_TOP_FILES)
    for name in filter(None, listed.split("\0")):
        copy = folder / "sources" / name
        if (ROOT / name).is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run([*pip, "--wheel-dir", str(folder), str(folder / "sources")], {"SOURCE_DATE_EPOCH": epoch})
    (wheel,) = folder.glob("*.whl")
    return wheel


_TOP_FILES = ("pyproject.toml", "README.md", "LICENSE")


def _install(site: Path, requirements: Sequence[str]) -> None:
    """Install requirements for the image's Python, not for this one; hashes are checked if they are given."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise RigError("no `uv` next to this Python or on the PATH: run make to set it up")
    run([
        uv, "pip", "install", "--quiet", "--target", str(site), "--python", sys.executable, "--python-version", _PYTHON,
        "--python-platform", _PLATFORM, "--only-binary", ":all:", "--link-mode", "copy", "--no-config",
        "--system-certs", *requirements,
    ])  # fmt: skip
    shutil.rmtree(site / "bin", ignore_errors=True)  # scripts for the Python of this machine
    for name in (".lock", ".gitignore", "CACHEDIR.TAG"):
        (site / name).unlink(missing_ok=True)
    for note in ("direct_url.json", "uv_cache.json", "REQUESTED", "RECORD"):  # where and how it was installed
        for file in site.glob(f"*.dist-info/{note}"):
            file.unlink()
    for found in (*site.rglob("tests"), *site.rglob("*_test.py")):
        shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)


def _write_script(file: Path, site: Path, name: str) -> None:
    found = importlib.metadata.distributions(name="parallelproject", path=[str(site)])
    (entry,) = [point for made in found for point in made.entry_points if point.name == name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_SCRIPT.format(module=entry.module, name=entry.attr), encoding="utf-8")


def digests(images: Sequence[str]) -> dict[str, str]:
    """What identifies the content of images: the ids of their layers and settings."""
    builder = find_builder()
    found = {}
    for image in images:
        kind = [] if builder.is_docker else ["--type", "image"]
        described = json.loads(builder.run("inspect", *kind, image))
        found[image] = described[0]["Id"] if builder.is_docker else described["FromImageID"]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m rig.images", description="Build the project's images.")
    parser.add_argument("--prefix", default="localhost/", help="what their names begin with (default: %(default)s)")
    parser.add_argument("--push", action="store_true", help="push them to the registry that their names begin with")
    parser.add_argument("--check", action="store_true", help="build them twice, and fail if the two differ")
    chosen = parser.parse_args(arguments)
    try:
        images = build_images(chosen.prefix, cached=not chosen.check)
        built = digests(images)
        if chosen.check and (again := digests(build_images(chosen.prefix, cached=False))) != built:
            sys.stderr.write(f"two builds of one commit differ: {built} and {again}\n")
            return 1
        if chosen.push:
            for image in images:
                find_builder().push(image)
    except RigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for image, digest in built.items():
        print(image, digest)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
