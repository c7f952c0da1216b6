"""The operator: watches ParallelProjects and their attempts, calls the planner, and carries out its decisions.

It knows executors only through ``executors.base``; only ``process.operator`` selects one.
"""
