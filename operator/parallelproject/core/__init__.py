"""The graph and the planner: pure functions of what is recorded and what is observed.

No I/O, no clock, no asyncio, no Kubernetes types: import-linter enforces that.
"""
