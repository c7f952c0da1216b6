"""Coding agents: how each is called, and what its output says of how it ended. Pure; the standard library only."""
