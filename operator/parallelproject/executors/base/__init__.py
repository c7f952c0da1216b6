"""What every executor gives a task: its task file and its environment."""
