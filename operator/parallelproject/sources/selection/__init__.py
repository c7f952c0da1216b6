"""Which items of a file run, and what each waits for: the rules that all formats share."""
