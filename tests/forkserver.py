"""Processes that are forked from one that has loaded the code: to load it takes a second and more of processor time.

From a server of their own: a process of pytest has threads, which a fork would not take along.
"""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "parallelproject.cli.main",
        "parallelproject.cli.commands.controller",
        "parallelproject.forge.publishing.publisher",
        "parallelproject.forge.clients.gitea",
    ]
)  # what a forked process needs of the tests it loads itself
