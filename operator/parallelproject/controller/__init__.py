"""The operator: watches ParallelProjects and their attempts, calls the planner, carries out what it says.

It knows of no executor but by ``executors.base``; only ``process.operator`` says which one runs.
"""
