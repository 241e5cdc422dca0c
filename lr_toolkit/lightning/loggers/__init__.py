"""What each tracker gets of its own; any other logger gets plain ``log_metrics``."""
