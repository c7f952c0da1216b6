"""The program that plays the alerts."""

from rig.fixtures import rules  # noqa: F401
