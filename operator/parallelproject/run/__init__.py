"""A run on this machine: the planner's shell over local processes, with its state, its views and its summary."""

from parallelproject.run.options import RunOptions
from parallelproject.run.start import run_project

__all__ = ["RunOptions", "run_project"]
