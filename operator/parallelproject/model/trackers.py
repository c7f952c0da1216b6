"""Where task trackers keep their own state in a repository."""

TRACKERS = (".taskmaster/**", ".beads/**", ".kiro/specs/**/tasks.md")
"""Paths that are no task's work by default: many tasks tick their own box in the same file, so that each would meet the
others' changes there. Task Master, Beads, and the task lists of Kiro."""
