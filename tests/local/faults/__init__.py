"""The faults of a local run: killed at every moment that matters, and then run again."""
