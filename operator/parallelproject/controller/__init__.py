"""The operator: watches ParallelProjects, Jobs and pods, calls the planner, carries out what it says."""
