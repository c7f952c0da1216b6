"""A certificate for a server on this machine, signed by nobody but itself."""

import shutil
import subprocess
from pathlib import Path

from rig.errors import RigError


def write_certificate(certificate: Path, key: Path, host: str) -> None:
    """Write a new certificate for the address ``host``, and its key, in PEM.

    Raises:
        RigError: There is no openssl, or it failed.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise RigError("a certificate is needed, and there is no `openssl` on the PATH to make one with")
    made = subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={host}", "-addext", f"subjectAltName=IP:{host}", "-keyout", key, "-out", certificate,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise RigError(f"openssl could not make a certificate:\n{made.stderr}")
