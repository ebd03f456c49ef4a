"""A root of Terraform in a folder of its own, applied for real."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Self

from support.containers import ROOT

# A copy of infra/ beside the chart, which Terraform may write into; tools/infra.sh makes it.
SOURCES = Path(os.environ.get("INFRA_SOURCES", ROOT))
_COMMAND_SECONDS = 600


class Terraform:
    """Everything that an apply made is destroyed at the end, whatever the test came to."""

    def __init__(
        self, root: Path, inputs: dict[str, Any] | None = None, var_file: str = "", **environment: str
    ):
        self._root = root
        self._var_file = var_file
        self._environment = os.environ | environment
        self._applied = False
        self.inputs = inputs or {}

    def __enter__(self) -> Self:
        self.run("init", "-no-color", "-input=false")
        return self

    def __exit__(self, *_: object) -> None:
        if self._applied:
            self.destroy()

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [os.environ["TERRAFORM"], f"-chdir={self._root}", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
        assert done.returncode == expect, f"{' '.join(arguments)}: {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def apply(self, expect: int = 0) -> str:
        """What was said. With expect=1 it has to fail."""
        self._applied = True
        return self.run("apply", "-auto-approve", "-no-color", *self.given(), expect=expect)

    def assert_no_drift(self) -> None:
        """A plan that wants a change ends with 2."""
        self.run("plan", "-detailed-exitcode", "-no-color", *self.given())

    def destroy(self) -> str:
        said = self.run("destroy", "-auto-approve", "-no-color", *self.given())
        self._applied = False
        assert not self.run("state", "list").strip(), "the state still has something"
        return said

    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json")).items()}

    def state(self) -> str:
        """As text, to look for what must not be in it."""
        return self.run("state", "pull")

    def given(self) -> list[str]:
        """The arguments that name the inputs."""
        if not self.inputs:
            return [f"-var-file={self._var_file}"] if self._var_file else []
        # Anew each time: a test changes the inputs between two applies. Not an auto.tfvars: `init` would read it, too.
        file = self._root / "test.tfvars.json"
        file.write_text(json.dumps(self.inputs, indent=1))
        return [f"-var-file={file.name}"]


class ModuleRoot(Terraform):
    """The least root that calls the shared module: what it gives to it is written out, and may be changed between applies."""

    def __init__(self, folder: Path, kubeconfig: str, **module: Any):
        super().__init__(folder)
        self.module = module
        self._folder = folder
        self._kubeconfig = kubeconfig
        self._write()

    def apply(self, expect: int = 0) -> str:
        self._write()
        return super().apply(expect)

    def _write(self) -> None:
        cluster = {"config_path": self._kubeconfig}
        source = os.path.relpath(SOURCES / "infra/modules/event-ingestor", self._folder)
        root = {
            "terraform": {"required_providers": _pins()},
            "provider": {"kubernetes": cluster, "helm": {"kubernetes": cluster}},
            "module": {"event_ingestor": {"source": source} | self.module},
            "output": {
                name: {"value": f"${{module.event_ingestor.{name}}}"}
                for name in ("endpoint", "internal_endpoint", "release", "service_name", "values")
            },
        }
        (self._folder / "main.tf.json").write_text(json.dumps(root, indent=1))


def _pins() -> dict[str, dict[str, str]]:
    """Of the two providers that the module uses, as the app roots have them."""
    text = (SOURCES / "infra/aws/app/versions.tf").read_text()
    found = re.findall(r'(helm|kubernetes) = {\n +source += "(.*)"\n +version = "(.*)"', text)
    assert {name for name, *_ in found} == {"helm", "kubernetes"}
    return {name: {"source": source, "version": version} for name, source, version in found}
