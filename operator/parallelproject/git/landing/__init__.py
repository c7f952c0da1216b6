"""A task's work becomes one commit on the shared branch, or is kept."""
