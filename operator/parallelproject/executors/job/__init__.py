"""Attempts as Kubernetes Jobs: what is created, and what is observed."""
