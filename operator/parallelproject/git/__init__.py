"""Git delivery: a task's work lands once, as one commit, on a linear branch.

Plain functions around the real git, called by argument list. The remote repository is the only lock: every step is a
compare-and-swap on a ref there, so it holds whatever dies and whenever. Knows no cluster and no scheduler.

``prepare`` checks a base out, ``snapshot`` makes a commit of what a task left, ``land`` brings it on the branch,
``salvage`` keeps what could not land. ``main`` is the command that containers run.
"""
