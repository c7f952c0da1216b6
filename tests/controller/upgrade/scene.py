"""A run in its middle, as a release left it: the project and its Jobs, in the form in which etcd keeps them.

``python -m tests.controller.upgrade.record`` makes the recording of a release; the test starts from it.
"""

from pathlib import Path

from tests.controller.cluster import Json, spec, task

NAMESPACE, PROJECT = "upgrade", "levels"
"""A fake publishing Job of a project of this name is held at its second attempt, see tools/rig/stages/pod-end.yaml."""
RECORDING = Path(__file__).with_name("v0.1.0.json")
GIT: Json = {
    "url": "https://git.example/acme/shop.git",
    "credentialsSecretRef": {"name": "shop-git"},
    "forge": {"type": "Gitea", "tokenSecretRef": {"name": "shop-forge", "key": "token"}},
}
SPEC = spec(
    task("recorded"),
    task("published", "recorded", hold=True),
    task("running", "published", hold=True),
    task("ended", "published", hold=True),
    task("next", "running", "ended"),
    git=GIT,
)
"""At the moment of the recording ``running`` runs, and so does the second attempt at publishing; ``ended`` has ended
while no operator was there, and the status still says that it runs."""
