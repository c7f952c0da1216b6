"""Calling git and speaking to remotes: commands, credentials, refs, commits, merges."""
