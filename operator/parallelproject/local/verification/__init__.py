"""Checks of what has landed, in a local run."""
