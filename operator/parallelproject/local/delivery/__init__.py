"""Attempts whose work lands in a repository of this machine."""
