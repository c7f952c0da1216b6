"""Feedback on the pull request of a local run: its record, and the branch that tasks act on."""
