"""A clients file, edited as an operator does it: by the commands of the service, and in an editor."""

import os
from pathlib import Path

from support.ingestor import Finished, run_to_exit


class ClientsFile:
    def __init__(self, folder: Path):
        self.path = folder / "clients.yaml"

    def run(self, *arguments: str) -> Finished:
        return run_to_exit("clients", *arguments, "--file", str(self.path))

    def _key_of(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.status == 0, done.stderr
        return done.stdout.strip()

    def add(self, name: str, **members: object) -> str:
        """Adds a client with these members in the file; returns its key."""
        key = self._key_of("add", name)
        if members:
            added = "".join(f"    {member}: {value}\n" for member, value in members.items())
            self.edit(f'  - name: "{name}"\n', f'  - name: "{name}"\n{added}')
        return key

    def rotate(self, name: str, *arguments: str) -> str:
        return self._key_of("rotate", name, *arguments)

    def revoke(self, name: str) -> None:
        done = self.run("revoke", name)
        assert done.status == 0, done.stderr

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text, text
        self.replace(text.replace(old, new))

    def replace(self, text: str) -> None:
        """As an editor does it that replaces the file by a rename."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o600)
        os.replace(fresh, self.path)
