"""What to start, what to stop, and why the rest waits. Pure."""
