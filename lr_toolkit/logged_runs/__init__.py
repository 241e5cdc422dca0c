"""Runs that have been logged: the learning rates that they used and those that were planned, read from the files of their loggers."""
