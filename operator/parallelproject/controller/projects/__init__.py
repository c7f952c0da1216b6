"""The existing ParallelProjects, what is kept for each, and the limits that they share."""
