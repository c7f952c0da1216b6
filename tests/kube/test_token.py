"""The token by which others of this process log in, as the configuration of a pod and that of a person have it."""

import asyncio
from pathlib import Path

import pytest
import yaml
from kubernetes.aio.config import incluster_config

from parallelproject.kube.client import Api
from rig.certificate import write_certificate


def token_of(kubeconfig: str | None = None) -> str | None:
    async def asked() -> str | None:
        async with await Api.connect(kubeconfig) as api:
            return await api.token()

    return asyncio.run(asked())


def test_in_a_pod_it_is_that_of_the_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "token").write_text("ey.secret")
    write_certificate(tmp_path / "ca.crt", tmp_path / "ca.key", "127.0.0.1")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))

    async def asked() -> str | None:
        return await (await Api.connect()).token()

    assert asyncio.run(asked()) == "ey.secret"


def test_of_a_person_it_is_that_of_the_kubeconfig(tmp_path: Path):
    file = tmp_path / "config"
    user, cluster = {"token": "ey.mine"}, {"server": "http://127.0.0.1:1"}
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    config = {"clusters": [{"name": "x", "cluster": cluster}], "users": [{"name": "x", "user": user}]}
    file.write_text(yaml.safe_dump(config | {"contexts": [context], "current-context": "x"}))
    assert token_of(str(file)) == "ey.mine"
    del user["token"]
    file.write_text(yaml.safe_dump(config | {"contexts": [context], "current-context": "x"}))
    assert token_of(str(file)) is None
