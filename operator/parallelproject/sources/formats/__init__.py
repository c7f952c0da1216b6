"""The readers of task files, one a format."""
