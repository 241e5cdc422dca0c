"""Finding the base LR of a Trainer's run: ``find_lr`` before a fit, ``LRFinder`` at its beginning."""
