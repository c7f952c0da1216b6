"""What runs an attempt: a Job in a cluster. The same plan drives local processes."""
