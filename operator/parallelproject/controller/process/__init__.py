"""The operator process: its parts, its election, its probes, its logs."""
