"""Attempts as Argo Workflows: what the controller has to know of them, and all of it. Sends nothing."""
