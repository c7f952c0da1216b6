"""Reports on a project: its status, why a task waits, figures, overviews. Pure."""
