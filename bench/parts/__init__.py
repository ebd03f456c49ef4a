"""The parts of `make bench`: each measures what one or a few of its targets name."""
