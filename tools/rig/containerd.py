"""The configuration of containerd and the kubelet of a real node. Nothing is started here."""

import json
from pathlib import Path

import yaml

from rig.enclosure import Enclosure

PAUSE = "localhost/parallelproject-pause:1"
"""The image of the container that holds a pod's namespaces."""

_CONTAINERD = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
address = "{folder}/containerd.sock"

[ttrpc]
address = "{folder}/containerd.sock.ttrpc"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true  # where CAP_SYS_RESOURCE is missing, runc could not set what it is asked for
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{folder}/cni"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def socket(folder: Path) -> Path:
    """Where containerd listens."""
    return folder / "containerd.sock"


def write_containerd(folder: Path, plugins: Path, enclosure: Enclosure) -> Path:
    """Write containerd's configuration, and that of the pods' network; the former's path."""
    network, first, last = enclosure.pods
    addresses = {"subnet": network, "rangeStart": first, "rangeEnd": last, "gateway": enclosure.gateway}
    bridge = {
        "type": "bridge",
        "bridge": enclosure.bridge,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[addresses]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    (folder / "cni").mkdir(parents=True)
    conflist = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (folder / "cni" / "pods.conflist").write_text(json.dumps(conflist))
    file = folder / "containerd.toml"
    file.write_text(_CONTAINERD.format(folder=folder, pause=PAUSE, plugins=plugins))
    return file


def write_kubelet(folder: Path, endpoint: Path, enclosure: Enclosure) -> Path:
    """Write the kubelet's configuration; its path."""
    never = {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"}
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": enclosure.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(enclosure.client_certificate)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "containerRuntimeEndpoint": f"unix://{endpoint}",
        "enforceNodeAllocatable": [],
        "evictionHard": never,  # this machine is not the node's alone
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "2s",
        "podLogsDir": str(folder / "logs"),
        "resolvConf": "",
        "serializeImagePulls": False,
        "volumePluginDir": str(folder / "plugins"),
    }
    file = folder / "kubelet.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file
