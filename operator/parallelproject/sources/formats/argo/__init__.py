"""Argo Workflows whose entry point is a dag."""
