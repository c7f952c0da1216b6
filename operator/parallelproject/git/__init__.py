"""Git delivery: a task's work lands once, as one commit, on a linear branch.

Plain functions around the real git, called by argument list. The remote repository is the only lock: every step is a
compare-and-swap on a ref there, so it is safe when any process dies at any time. Knows no cluster and no scheduler.

``prepare`` checks a base out, ``snapshot`` commits what a task left, ``land`` puts it on the branch, ``salvage`` keeps
work that could not land. ``main`` is the command that containers run.
"""
