"""The steps of a task: its own work, and what follows on it before it lands."""
