"""A checkout for a task: made before it runs, read after it ends."""
