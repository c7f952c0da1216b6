"""Attempts as Argo Workflows: all that the controller needs to know. Sends nothing."""
