"""What the operator reports about itself: Events, metrics, traces."""
