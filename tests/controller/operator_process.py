"""The operator as its own process: the rig's, under the name by which tests know it."""

from rig.operator import NAMESPACE, USER, OperatorProcess

__all__ = ["NAMESPACE", "USER", "OperatorProcess"]
