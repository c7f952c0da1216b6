"""The workspace's own .git, read as data: git never runs in it."""
