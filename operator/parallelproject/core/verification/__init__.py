"""Which task broke a check: what to verify next, and the verdict. Pure."""
