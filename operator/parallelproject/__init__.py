"""Run a graph of tasks in parallel, on Kubernetes or on a laptop, each exactly once.

The layers, each importing only those below it (held by import-linter)::

    cli                   what a person types
    controller | local    the shells: a cluster's operator, a run on one machine
    executors | sources   Jobs and processes; task files of other tools
    kube | forge          requests and watches; pull requests
    git                   work on a branch: prepare, land, salvage
    core                  the graph and the planner: pure functions
    model                 the ParallelProject resource: spec, status, names

docs/design/architecture.md has the rooms within them, and the way of a task through all of them.
"""

__version__ = "0.1.0"
