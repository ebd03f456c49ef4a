#!/usr/bin/env python3
"""Checks rules of infra/ that no linter has. rules.py FOLDER, or --self-test: each rule must find a planted fault.

exact pins    each root pins each provider to one version, the same everywhere
late cluster  an app root configures no provider from resources of its own apply
same inputs   the app roots have the same inputs, except those that exist for one cloud only
shared files  each file of shared/ is a link in all roots that it is for, not a copy
one module    the shared module uses no cloud's provider
kept states   an apply can't destroy the storage of the states
examples      each root has small and production settings and a backend to copy, and no active backend
balancers     Google's balancer waits as long as the service may take with its default time-outs
walks         the commands of each cloud's README.md use existing inputs and outputs, give all required inputs, and are in
              a working order
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CLOUDS = ("aws", "gcp", "azure")
ROOTS = ("bootstrap", "cluster", "app")
# Inputs that exist for one cloud only; all others are the same for the three clouds.
OWN_INPUTS = {
    "aws": {"region"},
    "gcp": {"project", "region"},
    "azure": {"subscription_id", "registry", "login"},
}


def text_of(folder: Path) -> str:
    """All configuration of a folder, without comments."""
    lines = [line for file in sorted(folder.glob("*.tf")) for line in file.read_text().splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def blocks(text: str, head: str) -> list[str]:
    """The top-level blocks whose first line matches head, with their full text; terraform fmt puts their ends
    at column 0."""
    return re.findall(rf"^{head}[^\n]*{{\n.*?^}}", text, re.MULTILINE | re.DOTALL)


def pins(text: str) -> list[tuple[str, str]]:
    required = "\n".join(re.findall(r"required_providers {\n.*?\n  }", text, re.DOTALL))
    return re.findall(r'^ +(\w+) += {\n.*?version += "([^"]*)"', required, re.MULTILINE | re.DOTALL)


def exact_pins(infra: Path) -> list[str]:
    faults, seen = [], {}
    for cloud in CLOUDS:
        for root in ROOTS:
            found = pins(text_of(infra / cloud / root))
            if not found:
                faults.append(f"{cloud}/{root}: pins no provider")
            for name, version in found:
                if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                    faults.append(f"{cloud}/{root}: {name} {version!r} is not an exact version")
                elif seen.setdefault(name, version) != version:
                    faults.append(f"{cloud}/{root}: {name} {version}, but {seen[name]} elsewhere")
    return faults


def late_cluster(infra: Path) -> list[str]:
    faults = []
    for cloud in CLOUDS:
        text = text_of(infra / cloud / "app")
        configured = "\n".join(blocks(text, "provider") + blocks(text, "locals"))
        for name in re.findall(r"local\.(cluster_\w+|kubelogin)", "\n".join(blocks(text, "provider"))):
            if not re.search(rf"^ +{name} +=", configured, re.MULTILINE):
                faults.append(f"{cloud}/app: local.{name} isn't there")
        providers = "\n".join(blocks(text, "provider"))
        for line in configured.splitlines():
            in_provider = line in providers or re.match(r" +(cluster_\w+|kubelogin) +=", line)
            if in_provider and re.search(
                r"(?<![\w.])(?:(?:aws|google|azurerm|kubernetes|helm)_\w+|module)\.\w", line
            ):
                faults.append(f"{cloud}/app: a provider depends on this apply: {line.strip()}")
    return faults


def same_inputs(infra: Path) -> list[str]:
    inputs = {}
    for cloud in CLOUDS:
        names = set(re.findall(r'^variable "(\w+)"', text_of(infra / cloud / "app"), re.MULTILINE))
        missing = OWN_INPUTS[cloud] - names
        if missing:
            return [f"{cloud}/app: no input {sorted(missing)}"]
        inputs[cloud] = names - OWN_INPUTS[cloud]
    common = inputs["aws"]
    return [
        f"{cloud}/app and aws/app differ in their inputs: {sorted(inputs[cloud] ^ common)}"
        for cloud in CLOUDS
        if inputs[cloud] != common
    ]


def shared_files(infra: Path) -> list[str]:
    passed = infra / "modules/event-ingestor/passed_variables.tf"
    shared = infra / "shared"
    users = [
        *((file, ("cluster", "app")) for file in shared.glob("*.tf")),
        *((file, (root,)) for root in ROOTS for file in shared.glob(f"{root}/*.tf")),
        (passed, ("app",)),
    ]
    return [
        f"{cloud}/{root}/{file.name} is not a link to {file.relative_to(infra)}"
        for file, roots in users
        for cloud in CLOUDS
        for root in roots
        for link in [infra / cloud / root / file.name]
        if not (link.is_symlink() and link.resolve() == file.resolve())
    ]


def one_module(infra: Path) -> list[str]:
    text = text_of(infra / "modules/event-ingestor")
    names = {name for name, _ in pins(text)}
    kinds = set(re.findall(r'^(?:resource|data|ephemeral) "([a-z]+)_', text, re.MULTILINE))
    return [
        f"modules/event-ingestor uses {name}" for name in sorted((names | kinds) - {"helm", "kubernetes"})
    ]


def kept_states(infra: Path) -> list[str]:
    stores = {
        "aws": ["aws_s3_bucket", "aws_kms_key"],
        "gcp": ["google_storage_bucket"],
        "azure": ["azurerm_storage_account", "azurerm_storage_container"],
    }
    return [
        f"{cloud}/bootstrap: {store} could be destroyed"
        for cloud in stores
        for store in stores[cloud]
        for block in blocks(text_of(infra / cloud / "bootstrap"), f'resource "{store}"') or [""]
        if not re.search(r"prevent_destroy += true", block)
    ]


def examples(infra: Path) -> list[str]:
    faults = []
    for cloud in CLOUDS:
        for root in ("cluster", "app"):
            for name in ("small.tfvars", "production.tfvars", "backend.tf.example"):
                if not (infra / cloud / root / name).is_file():
                    faults.append(f"{cloud}/{root}: no {name}")
            if re.search(r'^ *backend "', text_of(infra / cloud / root), re.MULTILINE):
                faults.append(f"{cloud}/{root}: a backend is on by default")
    return faults


def balancers(infra: Path) -> list[str]:
    """gcp/app assumes the defaults of docs/CONFIGURATION.md; tests/app.tftest.hcl checks the sum."""
    text = text_of(infra / "gcp/app")
    reference = (Path(__file__).resolve().parents[2] / "docs/CONFIGURATION.md").read_text()
    own = dict(re.findall(r"^\| `([a-z_.]+)` \| `[A-Z_]+` \| duration \| `(\w+)`", reference, re.MULTILINE))
    taken = re.search(r"^  longest_waits = {(.*)}", text, re.MULTILINE)
    waits = dict(re.findall(r'"([a-z_.]+)" = "(\w+)"', taken[1])) if taken else {}
    faults = [
        f"gcp/app: {key} is {waits.get(key)}, and the service has {own[key]}"
        for key in ("http.request_timeout", "ingest.ack_timeout")
        if waits.get(key) != own[key]
    ]
    if not re.search(r"timeoutSec += local\.wait_seconds", text):
        faults.append("gcp/app: the balancer's wait for a reply is not set (default 30 s)")
    return faults


def inputs_of(text: str) -> dict[str, bool]:
    """Names of the inputs, and whether each is required."""
    return {
        re.search(r'"(\w+)"', block)[1]: not re.search(r"^  default +=", block, re.MULTILINE)
        for block in blocks(text, "variable")
    }


def top_keys(settings: str) -> set[str]:
    return set(re.findall(r"^(\w+) +=", settings, re.MULTILINE))


def placeholders(settings: str) -> set[str]:
    """Settings that must be changed: a line has the comment `yours` or `unique`."""
    assignments = re.findall(r"^(\w+) +=(.*?)(?=^\w|\Z)", settings, re.MULTILINE | re.DOTALL)
    return {name for name, value in assignments if re.search(r"# (yours|unique)", value)}


def walks(infra: Path) -> list[str]:
    faults = []
    for cloud in CLOUDS:
        walk = (infra / cloud / "README.md").read_text().replace("\\\n", " ")
        done = re.findall(rf"^terraform -chdir=infra/{cloud}/(\w+) (\S+)(.*)$", walk, re.MULTILINE)
        steps = [(root, "init" if verb.startswith('"${init') else verb) for root, verb, _ in done]
        wanted = [(root, verb) for root in ROOTS for verb in ("init", "apply")]
        wanted += [("app", "destroy"), ("cluster", "destroy")]
        if [step for step in steps if step[1] != "output"] != wanted:
            faults.append(f"{cloud}: the steps are not {wanted}")
        for root in ROOTS:
            text = text_of(infra / cloud / root)
            inputs, lines = (
                inputs_of(text),
                [rest for name, verb, rest in done if name == root and verb == "apply"],
            )
            given = {name for rest in lines for name in re.findall(r"-var [\"']?(\w+)=", rest)}
            for mine in re.findall(
                rf'^cat >"\$V/{root}\.tfvars" <<EOF\n(.*?)^EOF', walk, re.MULTILINE | re.DOTALL
            ):
                given |= top_keys(mine)
            unknown = given - set(inputs)
            if any("-var-file=small.tfvars" in rest for rest in lines):
                small = (infra / cloud / root / "small.tfvars").read_text()
                given |= top_keys(small) - placeholders(small)
            missing = {name for name, needed in inputs.items() if needed} - given
            faults += [f"{cloud}: {root} has no input {name}" for name in sorted(unknown)]
            faults += [f"{cloud}: {root} is not given {name}" for name in sorted(missing)]
            outputs = set(re.findall(r'^output "(\w+)"', text, re.MULTILINE))
            asked = set(re.findall(rf"chdir=infra/{cloud}/{root} output -raw (\w+)", walk))
            faults += [f"{cloud}: {root} has no output {name}" for name in sorted(asked - outputs)]
    return faults


RULES: dict[str, Callable[[Path], list[str]]] = {
    "exact pins": exact_pins,
    "late cluster": late_cluster,
    "same inputs": same_inputs,
    "shared files": shared_files,
    "one module": one_module,
    "kept states": kept_states,
    "examples": examples,
    "balancers": balancers,
    "walks": walks,
}

# rule, file, replaced text, replacement (None: append at the end)
PLANTED = [
    ("exact pins", "aws/app/versions.tf", 'version = "5.100.0"', 'version = "~> 5.100"'),
    ("exact pins", "gcp/app/versions.tf", 'version = "3.1.2"', 'version = "3.1.1"'),
    (
        "late cluster",
        "aws/app/providers.tf",
        "data.aws_eks_cluster.this.endpoint",
        "aws_eks_cluster.this.endpoint",
    ),
    (
        "late cluster",
        "gcp/app/providers.tf",
        "data.google_container_cluster.this.endpoint",
        "module.cluster.endpoint",
    ),
    ("late cluster", "azure/app/providers.tf", "data.azurerm_kubernetes", "azurerm_kubernetes"),
    ("same inputs", "gcp/app/variables.tf", None, 'variable "extra" {\n}\n'),
    ("same inputs", "azure/app/variables.tf", 'variable "login"', 'variable "log_in"'),
    ("shared files", "gcp/app/outputs.tf", "Address for events", "Address of events"),
    ("shared files", "azure/cluster/api.tf", "1.35", "1.34"),
    ("one module", "modules/event-ingestor/main.tf", None, 'data "aws_region" "this" {\n}\n'),
    ("kept states", "azure/bootstrap/main.tf", "prevent_destroy = true", "prevent_destroy = false"),
    ("kept states", "aws/bootstrap/main.tf", "prevent_destroy = true", "prevent_destroy = false"),
    ("balancers", "gcp/app/main.tf", '"ingest.ack_timeout" = "30s"', '"ingest.ack_timeout" = "20s"'),
    ("balancers", "gcp/app/main.tf", "timeoutSec         = local.wait_seconds", ""),
    ("walks", "aws/README.md", "api_allowed_cidrs = ", "api_allowed_cidr  = "),
    ("walks", "azure/README.md", 'admin_group_ids   = ["$admins"]\n', ""),
    ("walks", "gcp/README.md", "output -raw repository_url", "output -raw repository"),
    ("walks", "azure/README.md", "-var location=$location", ""),
    ("walks", "aws/README.md", "infra/aws/app destroy", "infra/aws/cluster destroy"),
    ("examples", "gcp/cluster/versions.tf", "terraform {", 'terraform {\n  backend "gcs" {\n  }\n'),
]


def self_test(infra: Path) -> None:
    planted_for = {rule for rule, *_ in PLANTED}
    assert planted_for == set(RULES), f"no fault is planted for {set(RULES) - planted_for}"
    for rule, name, old, new in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "infra"
            shutil.copytree(infra, copy, symlinks=True, ignore=shutil.ignore_patterns("checks", ".terraform"))
            file = copy / name
            text = file.read_text()
            assert old is None or old in text, f"{name} has no {old!r} to plant a fault in"
            file.unlink()  # if it is a link, its target stays as it was
            file.write_text(text + new if old is None else text.replace(old, new))
            assert RULES[rule](copy), f"the rule {rule!r} misses {new!r} in {name}"


def main() -> None:
    if sys.argv[1:] == ["--self-test"]:
        self_test(Path(__file__).resolve().parents[1])
        return
    (folder,) = sys.argv[1:]
    faults = [f"{rule}: {fault}" for rule, check in RULES.items() for fault in check(Path(folder))]
    print("\n".join(faults) if faults else f"{len(RULES)} rules hold")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
