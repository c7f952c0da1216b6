"""The shared control plane: started once, for the tests that ask for it."""

from rig.fixtures import binaries, control_plane, namespace, pytest_collection_finish

__all__ = ["binaries", "control_plane", "namespace", "pytest_collection_finish"]
