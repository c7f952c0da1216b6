"""Steps as somebody who may not read everything does them, where the tests run as root."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from parallelproject.git.plumbing.outcome import DeliveryError
from tests.git.remote import Attempt

_DROP = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""root without these is held by the modes of its own files, as everybody is."""
_PATIENCE = 120.0


@dataclass(frozen=True)
class Refused:
    """How a step was refused."""

    reason: str
    text: str
    paths: tuple[str, ...]
    ref: str | None


def as_ordinary_user(step: Callable[[Attempt], object], attempt: Attempt) -> object:
    """What a step gives; a ``Refused`` if it raises a DeliveryError."""
    drop = _DROP if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*drop, sys.executable, "-m", "tests.git.ordinary"],
        input=pickle.dumps((step, attempt)), capture_output=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    result: object = pickle.loads(done.stdout)
    return result


def _main() -> None:
    step, attempt = pickle.load(sys.stdin.buffer)
    result: object
    try:
        result = step(attempt)
    except DeliveryError as error:
        paths = tuple(getattr(error, "paths", ()))
        # By its name as others import it: this module is __main__ here.
        from tests.git import ordinary

        result = ordinary.Refused(error.reason, str(error), paths, getattr(error, "ref", None))
    sys.stdout.buffer.write(pickle.dumps(result))


if __name__ == "__main__":
    _main()
