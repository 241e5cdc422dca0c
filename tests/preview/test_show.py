"""``lr-toolkit show``: what it prints, what it refuses, and what it loads."""

from __future__ import annotations
