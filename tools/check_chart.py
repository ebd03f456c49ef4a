#!/usr/bin/env python3
"""check_chart.py --helm HELM --rendered FOLDER [--binary event-ingestor]: the Helm chart, rendered with each of its values
files into FOLDER, holds: strict against Kubernetes' schemas, invariants that no schema has, settings that the service
takes (with --binary). And each of a list of wrong values is refused, with a message that names it."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/helm/event-ingestor"
NAMESPACE = "events"
VERSIONS = ("1.29", "1.33")
# Kinds of operators that Kubernetes has no schema for; any other without one is a finding.
FOREIGN = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): ["parentRefs", "rules"],
    ("keda.sh/v1alpha1", "ScaledObject"): ["scaleTargetRef", "triggers"],
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ["selector", "endpoints"],
    ("monitoring.coreos.com/v1", "PrometheusRule"): ["groups"],
}
# What is laid over examples/laptop.yaml, and a word of the refusal.
REFUSED = {
    "ack=memory": "ack",
    "replica=3": "replica",
    "settings.kafka.brokers=": "settings.kafka.brokers has to be set",
    "settings.kafka.brokers=kafka": "brokers",
    "settings.kafka.security.password=x": "password",
    "settings.http.port=1": "settings.http.port",
    "settings.http.address=::": "listenAddress",
    "settings.ingest.ack=wal": "settings.ingest.ack",
    "settings.shutdown.timeout=1s": "settings.shutdown.timeout",
    "settings.file.dir=x": "file",
    "terminationGracePeriodSeconds=15": "terminationGracePeriodSeconds 15 leaves less than 5 s",
    "ack=wal,persistence.enabled=false": "persistence.enabled",
    "ack=wal,persistence.size=20G": "size",
    "ack=wal,autoscaling.enabled=true": "autoscaling is for pods without a volume",
    "autoscaling.enabled=true,autoscaling.maxReplicas=2": "autoscaling.maxReplicas",
    "adopt.ordinals={3}": "adopt is for volumes",
    "ack=wal,replicas=3,adopt.ordinals={2}": "adopt.ordinals",
    "kafkaSecret.name=a,kafkaSecret.secretProviderClass=b": "kafkaSecret",
    "ingress.enabled=true": "ingress.host",
    "httpRoute.enabled=true": "httpRoute.parentRefs",
    "autoscaling.enabled=true,autoscaling.keda.enabled=true": "prometheusUrl",
}


class Chart:
    def __init__(self, helm: Path):
        self._helm = helm

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._helm, *arguments], capture_output=True, text=True, check=False)

    def template(self, values: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run("template", "ei", CHART, "--namespace", NAMESPACE, "--values", values, *more)


def schema_faults(thing: dict[str, Any]) -> list[str]:
    kind = (thing["apiVersion"], thing["kind"])
    if kind in FOREIGN:
        return [f"its spec has no {name}" for name in FOREIGN[kind] if not thing["spec"].get(name)]
    faults = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            faults.append(f"Kubernetes {version}: {error}")
    return faults


def pod_of(thing: dict[str, Any]) -> dict[str, Any] | None:
    if thing["kind"] == "Pod":
        return thing["spec"]
    return (
        thing["spec"]["template"]["spec"] if thing["kind"] in ("Deployment", "StatefulSet", "Job") else None
    )


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def invariants(things: list[dict[str, Any]]) -> list[str]:
    faults = [
        f"{t['kind']} {t['metadata']['name']}: not in the release's namespace"
        for t in things
        if t["metadata"].get("namespace") != NAMESPACE
    ]
    workload = next(t for t in things if t["kind"] in ("Deployment", "StatefulSet"))
    config = next(t for t in things if t["kind"] == "ConfigMap" and "settings.yaml" in t["data"])
    settings = yaml.safe_load(config["data"]["settings.yaml"])
    pod = pod_of(workload)
    assert pod is not None
    container = pod["containers"][0]
    stop = seconds(settings["shutdown"]["delay"]) + seconds(settings["shutdown"]["timeout"])
    if not pod["terminationGracePeriodSeconds"] > stop:
        faults.append(f"the grace period doesn't outlast the stop of {stop} s")
    probes = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    if probes != {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}:
        faults.append(f"probes on the wrong routes: {probes}")
    if (settings["ingest"]["ack"] == "wal") and workload["kind"] != "StatefulSet":
        faults.append("ack wal without a volume")
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    for folder in (settings["wal"]["dir"], settings["dead_letter"]["dir"]):
        if str(Path(folder).parent) not in mounted:
            faults.append(f"{folder} is on no volume, and the root can't be written to")
    if "checksum/config" not in workload["spec"]["template"]["metadata"]["annotations"]:
        faults.append("a change of the settings would take no new pods")
    for thing in things:
        spec = pod_of(thing)
        if spec is None:
            continue
        for one in spec["containers"]:
            security = one["securityContext"]
            if not (
                security["readOnlyRootFilesystem"]
                and not security["allowPrivilegeEscalation"]
                and security["capabilities"]["drop"] == ["ALL"]
                and spec["securityContext"]["runAsNonRoot"]
                and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            ):
                faults.append(f"{thing['kind']} {thing['metadata']['name']}: not Pod Security restricted")
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])}
        for mount in [m for one in spec["containers"] for m in one.get("volumeMounts", [])]:
            if mount["name"] not in volumes:
                faults.append(f"{thing['kind']}: a mount of {mount['name']}, which is no volume of it")
    return faults


def service_faults(binary: Path, things: list[dict[str, Any]]) -> list[str]:
    """What the service itself says to the settings that the pods would get."""
    config = next(t for t in things if t["kind"] == "ConfigMap" and "settings.yaml" in t["data"])
    with tempfile.TemporaryDirectory() as folder:
        for name, text in config["data"].items():
            (Path(folder) / name).write_text(text.replace("/etc/event-ingestor", folder))
        done = subprocess.run(
            [binary, "config", "check"],
            env={"CONFIG": f"{folder}/settings.yaml", "HTTP_ADDRESS": "0.0.0.0"},
            capture_output=True,
            text=True,
        )
    return [] if done.returncode == 0 else [f"the service refuses the settings: {done.stderr}"]


def check_values(
    chart: Chart, values: Path, rendered: Path, binary: Path | None
) -> tuple[list[str], int, int]:
    name = values.stem
    lint = chart.run("lint", CHART, "--strict", "--quiet", "--values", values)
    faults = [f"helm lint: {lint.stdout}{lint.stderr}"] if lint.returncode else []
    done = chart.template(values)
    if done.returncode:
        return [*faults, done.stderr], 0, 0
    (rendered / name).mkdir(parents=True, exist_ok=True)
    (rendered / name / "all.yaml").write_text(done.stdout)
    things = [thing for thing in yaml.safe_load_all(done.stdout) if thing]
    for thing in things:
        title = f"{thing['kind']} {thing['metadata']['name']}"
        faults += [f"{title}: {fault}" for fault in schema_faults(thing)]
    faults += invariants(things)
    if binary:
        faults += service_faults(binary, things)
    foreign = sum((thing["apiVersion"], thing["kind"]) in FOREIGN for thing in things)
    return faults, len(things) - foreign, foreign


def refusal_faults(chart: Chart) -> list[str]:
    faults = []
    for setting, word in REFUSED.items():
        done = chart.template(CHART / "examples/laptop.yaml", "--set", setting)
        if done.returncode == 0:
            faults.append(f"--set {setting} is taken, and should be refused")
        elif word not in done.stderr:
            faults.append(f"--set {setting}: the refusal doesn't say {word!r}: {done.stderr}")
    return faults


def self_test(chart: Chart) -> None:
    """The checks find what is planted into a rendered chart."""
    done = chart.template(CHART / "examples/laptop.yaml")
    things = [thing for thing in yaml.safe_load_all(done.stdout) if thing]
    if invariants(things):
        sys.exit(f"self-test: the laptop's values have findings {invariants(things)}")

    def planted(change: str) -> list[str]:
        copy = json.loads(json.dumps(things))
        workload = next(t for t in copy if t["kind"] == "Deployment")
        pod = workload["spec"]["template"]["spec"]
        if change == "grace":
            pod["terminationGracePeriodSeconds"] = 55
        elif change == "probe":
            pod["containers"][0]["livenessProbe"]["httpGet"]["path"] = "/readyz"
        elif change == "root":
            pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
        elif change == "mount":
            pod["volumes"] = [v for v in pod["volumes"] if v["name"] != "config"]
        elif change == "schema":
            workload["spec"]["replica"] = 1
            return schema_faults(workload)
        elif change == "unknown kind":
            return schema_faults({"apiVersion": "x.example.com/v1", "kind": "X", "metadata": {}, "spec": {}})
        return invariants(copy)

    for change in ("grace", "probe", "root", "mount", "schema", "unknown kind"):
        if not planted(change):
            sys.exit(f"self-test: a planted fault is not found: {change}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", type=Path, required=True)
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--binary", type=Path, help="the service, to check the settings with")
    options = parser.parse_args()
    chart = Chart(options.helm)
    self_test(chart)
    files = sorted([*(CHART / "examples").glob("*.yaml"), *(CHART / "ci").glob("*.yaml")])
    if not files:
        sys.exit("no values files")
    failed = False
    for values in files:
        faults, checked, foreign = check_values(chart, values, options.rendered, options.binary)
        print(
            f"{values.relative_to(CHART)}: {checked} objects against the schemas of {' and '.join(VERSIONS)}"
            + (f", {foreign} of operators by their shape only" if foreign else "")
        )
        for fault in faults:
            print(f"  {fault}")
        failed |= bool(faults)
    faults = refusal_faults(chart)
    print(f"{len(REFUSED)} wrong values are refused" if not faults else "\n".join(faults))
    sys.exit(1 if failed or faults else 0)


if __name__ == "__main__":
    main()
