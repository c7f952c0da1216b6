"""Following the pull request of a run: what is new on it goes to its tasks."""
