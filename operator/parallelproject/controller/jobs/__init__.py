"""What is done to Jobs: created, stopped, held for their result, removed."""
