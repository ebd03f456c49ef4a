"""The parts of `make bench`: each measures one or a few targets."""
