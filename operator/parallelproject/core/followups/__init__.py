"""What follows from a plan besides tasks: publishing, and the removal of finished Jobs. Pure."""
