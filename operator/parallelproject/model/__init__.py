"""The ParallelProject resource: its spec, its status, and the names of everything made for it.

Data only: what is valid by itself is told here, what makes sense as a graph in ``core``.
"""
