"""What the operator tells of itself: Events, metrics, traces."""
