"""Access to a Kubernetes API server: requests with plain dictionaries, and watches; without projects."""
