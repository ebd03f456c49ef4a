"""A Terraform root in its own folder, applied for real."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Self

from support.containers import ROOT

# A copy of infra/ and the chart that Terraform may write to; tools/infra.sh makes it.
SOURCES = Path(os.environ.get("INFRA_SOURCES", ROOT))
_COMMAND_SECONDS = 600


class Terraform:
    """Everything that an apply created is destroyed at the end, even if the test fails."""

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
        """Returns the output. With expect=1 it must fail."""
        self._applied = True
        return self.run("apply", "-auto-approve", "-no-color", *self.given(), expect=expect)

    def assert_no_drift(self) -> None:
        """A plan with changes ends with status 2."""
        self.run("plan", "-detailed-exitcode", "-no-color", *self.given())

    def destroy(self) -> str:
        said = self.run("destroy", "-auto-approve", "-no-color", *self.given())
        self._applied = False
        assert not self.run("state", "list").strip(), "the state is not empty"
        return said

    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json")).items()}

    def state(self) -> str:
        """The state as text, to check that it contains no secrets."""
        return self.run("state", "pull")

    def given(self) -> list[str]:
        """The arguments that name the inputs."""
        if not self.inputs:
            return [f"-var-file={self._var_file}"] if self._var_file else []
        # Written each time, as a test changes the inputs between two applies. Not an auto.tfvars, which
        # `init` would read too.
        file = self._root / "test.tfvars.json"
        file.write_text(json.dumps(self.inputs, indent=1))
        return [f"-var-file={file.name}"]


class ModuleRoot(Terraform):
    """The smallest root that calls the shared module; its arguments are written into it and may be changed
    between applies."""

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
    """The version pins of the module's two providers, from the app roots."""
    text = (SOURCES / "infra/aws/app/versions.tf").read_text()
    found = re.findall(r'(helm|kubernetes) = {\n +source += "(.*)"\n +version = "(.*)"', text)
    assert {name for name, *_ in found} == {"helm", "kubernetes"}
    return {name: {"source": source, "version": version} for name, source, version in found}
