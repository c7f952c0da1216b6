"""What follows from a plan in addition to tasks: publishing, and the removal of finished Jobs. Pure."""
