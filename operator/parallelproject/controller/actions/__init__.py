"""Actions for attempts: their objects are created, stopped, looked up, held for their result, removed."""
