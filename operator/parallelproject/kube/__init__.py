"""Talking to a Kubernetes API server: requests with plain dictionaries, and watches; no projects here."""
