"""Calls of git and access to remotes: commands, credentials, refs, commits, merges."""
