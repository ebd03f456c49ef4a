"""Shared by black-box tests and bench: a real broker, the built binary, a load client, a topic reader."""
