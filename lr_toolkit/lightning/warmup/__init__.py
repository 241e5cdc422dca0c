"""The warmup callback: a factor on top of whatever schedulers a Trainer has."""
