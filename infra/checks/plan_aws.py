#!/usr/bin/env python3
"""Applies the AWS roots on a stand-in for AWS, checks for drift, destroys them, and checks that nothing is
left.

    plan_aws.py --terraform TERRAFORM --infra FOLDER

FOLDER is a writable copy of infra/. Everything stays on this machine: every AWS call goes to a loopback port.
Checks that the roots can be applied in their order, in both sizes; that the state is in the bucket of the
bootstrap root and is locked there; that a second plan has no changes; that the bucket can't be destroyed;
that a teardown leaves nothing. It can't check that AWS accepts the values. The app root needs a cluster:
`make infra-apply` has one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

REGION = "eu-central-1"
BUCKET = "ingestor-states-try"
KEY = "event-ingestor/INSTALLATION/cluster.tfstate"  # as in backend.tf.example

LOCK = "00000000-0000-0000-0000-000000000000"


class Fault(Exception):
    pass


class Aws:
    """The stand-in's process; `python` is one with moto."""

    def __init__(self, folder: Path, python: str = sys.executable, **environment: str) -> None:
        port_file = folder / "port"
        self._log = (folder / "aws.log").open("w")
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("aws_stand_in.py"), port_file],
            env=os.environ | environment,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + 60
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Fault(f"the stand-in for AWS did not start:\n{(folder / 'aws.log').read_text()}")
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def environment(self) -> dict[str, str]:
        """Environment variables with which AWS clients use only this stand-in."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def left(self) -> list[str]:
        with urllib.request.urlopen(f"{self.url}/stand-in/left", timeout=30) as reply:
            return json.load(reply)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


class Terraform:
    def __init__(self, binary: str, root: Path, aws: Aws) -> None:
        self._binary = binary
        self._root = root
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            **aws.environment(),
        }

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [self._binary, f"-chdir={self._root}", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=480,
        )
        if done.returncode != expect:
            raise Fault(
                f"{self._root.name}: {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
            )
        return done.stdout

    def apply(self, *arguments: str) -> None:
        said = self.run("apply", "-auto-approve", "-no-color", *arguments)
        print("  " + next(line for line in said.splitlines() if line.startswith("Apply complete")))
        # Exit status 2 would mean that the plan has changes.
        self.run("plan", "-detailed-exitcode", "-no-color", *arguments)
        print("  a second plan has no changes")

    def destroy(self, *arguments: str) -> None:
        said = self.run("destroy", "-auto-approve", "-no-color", *arguments)
        print("  " + next(line for line in said.splitlines() if line.startswith("Destroy complete")))


def try_cluster(cluster: Terraform, aws: Aws, size: str) -> None:
    print(f"aws/cluster, {size}")
    before = set(aws.left())
    file = f"-var-file={size}.tfvars"
    cluster.apply(file)
    if len(aws.left()) < len(before) + 20:
        raise Fault(f"resources are missing after an apply: {sorted(set(aws.left()) - before)}")
    cluster.destroy(file)
    left = sorted(set(aws.left()) - before)
    if left:
        raise Fault(f"a destroy of {size} leaves {left}")
    print("  nothing is left after the destroy")


def try_lock(cluster: Terraform, s3: str) -> None:
    """Terraform must stop if the state is locked in the bucket by another run."""
    lock = {"ID": LOCK, "Operation": "OperationTypeApply", "Who": "another", "Version": "1"}
    request = urllib.request.Request(
        f"{s3}.tflock", json.dumps(lock).encode(), {"Content-Type": "application/json"}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=30).close()
    said = cluster.run("plan", "-no-color", "-var-file=small.tfvars", expect=1)
    if "Error acquiring the state lock" not in said:
        raise Fault(f"it ended for another reason than the lock:\n{said}")
    print("  a locked state is not changed")
    cluster.run("force-unlock", "-force", LOCK)


def try_roots(options: argparse.Namespace, folder: Path, aws: Aws) -> None:
    print("aws/bootstrap")
    bootstrap = Terraform(options.terraform, options.infra / "aws/bootstrap", aws)
    inputs = (f"-var=region={REGION}", f"-var=bucket={BUCKET}")
    bootstrap.run("init", "-no-color")
    bootstrap.apply(*inputs)
    backend = folder / "backend.hcl"
    backend.write_text(bootstrap.run("output", "-raw", "backend"))

    root = options.infra / "aws/cluster"
    (root / "backend.tf").write_text((root / "backend.tf.example").read_text())
    cluster = Terraform(options.terraform, root, aws)
    # Buckets have their own host names on AWS, but not on the stand-in.
    cluster.run("init", "-no-color", f"-backend-config={backend}", "-backend-config=use_path_style=true")
    try_cluster(cluster, aws, "production")
    try_lock(cluster, f"{aws.url}/{BUCKET}/{KEY}")
    try_cluster(cluster, aws, "small")

    print("aws/bootstrap")
    said = bootstrap.run("destroy", "-auto-approve", "-no-color", *inputs, expect=1)
    if "prevent_destroy" not in said:
        raise Fault(f"the bucket stays for another reason than prevent_destroy:\n{said}")
    if f"s3 bucket {BUCKET}" not in aws.left():
        raise Fault("the bucket of the states is gone")
    print("  the bucket of the states can't be destroyed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terraform", required=True)
    parser.add_argument("--infra", required=True, type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        aws = Aws(Path(folder))
        try:
            try_roots(options, Path(folder), aws)
        except Fault as fault:
            sys.exit(f"plan aws: {fault}")
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
