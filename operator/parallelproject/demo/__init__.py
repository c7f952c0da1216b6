"""What shows the system to someone who has no key and no cluster, and what tests drive real agents with."""
