"""Whole branches of a remote, for publishing."""
