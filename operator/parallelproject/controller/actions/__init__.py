"""What is done for attempts: their objects created, stopped, looked up, held for their result, removed."""
