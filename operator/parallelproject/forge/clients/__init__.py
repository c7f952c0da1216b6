"""Forges, each behind one protocol: GitHub, GitLab, Gitea, and plain git."""
