"""The warmup callback: multiplies the learning rate of the schedulers of a Trainer by a ramp."""
