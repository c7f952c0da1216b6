"""What runs an attempt: a Job in a cluster, a process on this machine. Both are driven by the same plan."""
