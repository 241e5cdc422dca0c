"""Rules that move a gain when a metric improves or stops improving."""
