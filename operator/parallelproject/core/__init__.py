"""The graph and the planner: pure functions of what is written down and what is seen.

No I/O, no clock, no asyncio, no Kubernetes types: import-linter holds it to that.
"""
