"""The ParallelProject resource: its spec, its status, and the names of everything made for it.

Data only. This package checks each part by itself; ``core`` checks whether the parts make a graph.
"""
