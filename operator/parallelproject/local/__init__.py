"""A run on this machine: the engine over local processes, with its state, its deliveries and its views.

``start.run_project`` runs a project. Nothing is imported here: the supervisor starts with the standard library alone.
"""
