"""What black-box tests and bench share: a real broker, the built binary, a load client, a topic reader."""
