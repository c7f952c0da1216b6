"""What a local run shows: a picture on a terminal, lines in a pipe, a summary at the end."""
