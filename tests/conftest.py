"""The shared control plane: started once, for the tests that ask for it. No test is judged by how long it takes."""

from hypothesis import settings

from rig.fixtures import binaries, control_plane, helm_program, namespace, pytest_collection_finish, wrapper

__all__ = ["binaries", "control_plane", "helm_program", "namespace", "pytest_collection_finish", "wrapper"]

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
