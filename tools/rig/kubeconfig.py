"""Kubeconfig files that stand alone: the certificate is inside."""

import base64
from pathlib import Path

import yaml


def write_kubeconfig(
    file: Path, *, url: str, certificate: Path, user: str, token: str, namespace: str = "default"
) -> Path:
    """Write a kubeconfig with one cluster and one user; returns ``file``."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "rig",
                "cluster": {
                    "server": url,
                    "certificate-authority-data": base64.b64encode(certificate.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": user, "namespace": namespace}}],
        "current-context": "rig",
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return file
