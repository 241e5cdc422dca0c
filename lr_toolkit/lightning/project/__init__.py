"""Somebody's project before it trains: its module and data are read, its run is set up, and what its schedulers will do is found."""
