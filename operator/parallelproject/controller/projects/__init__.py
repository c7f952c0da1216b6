"""The ParallelProjects that there are, what is held of each, and what they share."""
