"""Checks that find mistakes in learning-rate schedules, before a run and during it."""
