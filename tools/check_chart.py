#!/usr/bin/env python3
"""check_chart.py --helm HELM --rendered FOLDER [--binary event-ingestor]: renders the Helm chart with each of
its values files into FOLDER and checks the result strictly against the schemas of Kubernetes and of the
operators, against chart_rules.py, and (with --binary) that the service accepts the settings. Each value must
make a difference in some values file; each of a list of wrong values must be rejected with a message that
names it."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import balancers
import crd_schemas
import kubernetes_validate
import yaml
from chart_rules import NAMESPACE, Thing, config_of, invariants
from crd_schemas import Kind

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/helm/event-ingestor"
VERSIONS = ("1.29", "1.33")
# Values set on top of examples/laptop.yaml, and text that the rejection must contain.
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
    "settings.kafka.lingr=5ms": "lingr",
    "settings.kafak.topic=x": "kafak",
    "settings.kafka.security.user=x": "user",
    "nameOverride=a.b": "nameOverride",
    "service.type=Loadbalancer": "service.type",
    "metrics.serviceMonitor.enable=true": "enable",
}


class Chart:
    def __init__(self, helm: Path):
        self._helm = helm

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._helm, *arguments], capture_output=True, text=True, check=False)

    def template(self, values: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run("template", "ei", CHART, "--namespace", NAMESPACE, "--values", values, *more)


def schema_faults(thing: Thing, operators: dict[Kind, Thing]) -> list[str]:
    kind = (thing["apiVersion"], thing["kind"])
    if kind in operators:
        return crd_schemas.faults(operators[kind], thing)
    faults = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            faults.append(f"Kubernetes {version}: {error}")
    return faults


def service_faults(binary: Path, things: list[Thing]) -> list[str]:
    """The service's own errors for the settings that the pods would get."""
    workload = next(t for t in things if t["kind"] in ("Deployment", "StatefulSet"))
    given = workload["spec"]["template"]["spec"]["containers"][0]["env"]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in config_of(things).items():
            text = text.replace("/etc/event-ingestor", folder).replace("/run/secrets/clients", folder)
            (Path(folder) / name).write_text(text)
        (Path(folder) / "clients.yaml").write_text("clients: [{name: orders}]\n")  # of a Secret
        environment = {one["name"]: one.get("value", "") for one in given} | {
            "CONFIG": f"{folder}/settings.yaml"
        }
        done = subprocess.run([binary, "config", "check"], env=environment, capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"the service rejects the settings: {done.stderr}"]


def check_values(
    chart: Chart, values: Path, rendered: Path, operators: dict[Kind, Thing], binary: Path | None
) -> tuple[list[str], int]:
    name = values.stem
    lint = chart.run("lint", CHART, "--strict", "--quiet", "--values", values)
    faults = [f"helm lint: {lint.stdout}{lint.stderr}"] if lint.returncode else []
    done = chart.template(values)
    if done.returncode:
        return [*faults, done.stderr], 0
    (rendered / name).mkdir(parents=True, exist_ok=True)
    (rendered / name / "all.yaml").write_text(done.stdout)
    things = things_of(done.stdout)
    for thing in things:
        title = f"{thing['kind']} {thing['metadata']['name']}"
        faults += [f"{title}: {fault}" for fault in schema_faults(thing, operators)]
    faults += invariants(things)
    if binary:
        faults += service_faults(binary, things)
    return faults, len(things)


def things_of(text: str) -> list[Thing]:
    return [thing for thing in yaml.safe_load_all(text) if thing]


def refusal_fault(chart: Chart, setting: str, word: str) -> str | None:
    done = chart.template(CHART / "examples/laptop.yaml", "--set", setting)
    if done.returncode == 0:
        return f"--set {setting} is accepted, but must be rejected"
    if word not in done.stderr:
        return f"--set {setting}: the message doesn't contain {word!r}: {done.stderr}"
    return None


def schema_holes(schema: Thing, path: str = "values") -> list[str]:
    """Objects in our part of the schema that would accept a misspelled name."""
    holes = []
    if "properties" in schema and schema.get("additionalProperties") is not False:
        holes.append(f"values.schema.json: {path} accepts unknown names")
    for name, below in schema.get("properties", {}).items():
        holes += schema_holes(below, f"{path}.{name}")
    return holes


def leaves(values: Thing, schema: Thing, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values that the schema lists one by one; everything below `settings` belongs to the
    service."""
    for name, value in values.items():
        below = schema.get("properties", {}).get(name, {})
        if "properties" in below and name != "settings" and isinstance(value, dict):
            yield from leaves(value, below, (*path, name))
        else:
            yield (*path, name)


def without(values: Thing, path: tuple[str, ...]) -> Thing:
    copy = json.loads(json.dumps(values))
    place = copy
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return copy


def changes_something(chart: Chart, values: Thing, path: tuple[str, ...], rendered: str) -> bool:
    """Whether the rendered chart differs, or rendering fails, if this value is left at its default."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(without(values, path), file)
        file.flush()
        return chart.template(Path(file.name)).stdout != rendered


def dead_values(chart: Chart, files: list[Path], rendered: Path, schema: Thing, pool: Executor) -> list[str]:
    """Each value of the chart must be set in some values file and make a difference there."""
    texts = {file: (rendered / file.stem / "all.yaml").read_text() for file in files}
    tries: dict[tuple[str, ...], list[Future[bool]]] = {}
    for file in files:
        values = yaml.safe_load(file.read_text())
        for path in leaves(values, schema):
            # One file where it makes a difference is enough; the files of ci/ set the most values.
            if len(tries.setdefault(path, [])) < 2:
                tries[path].append(pool.submit(changes_something, chart, values, path, texts[file]))
    own = yaml.safe_load((CHART / "values.yaml").read_text())
    faults = []
    for path in leaves(own, schema):
        if path not in tries:
            faults.append(f"{'.'.join(path)}: no values file sets it, so nothing shows that it works")
        elif not any(one.result() for one in tries[path]):
            faults.append(f"{'.'.join(path)}: it changes nothing where it is set")
    return faults


def self_test(chart: Chart, operators: dict[Kind, Thing]) -> None:
    """Plants faults into a rendered chart; the checks must find each."""

    def planted(values: str, kind: str, change: Callable[[Thing], object], name: str) -> None:
        things = rendered[values]
        if invariants(things):
            sys.exit(f"self-test: {values} has findings {invariants(things)}")
        copy = json.loads(json.dumps(things))
        thing = next(t for t in copy if t["kind"] == kind)
        change(thing)
        if not invariants(copy) and not schema_faults(thing, operators):
            sys.exit(f"self-test: a planted fault is not found: {name}")

    def pod(thing: Thing) -> Thing:
        return thing["spec"]["template"]["spec"]

    def container(thing: Thing) -> Thing:
        return pod(thing)["containers"][0]

    rendered = {
        values: things_of(chart.template(CHART / values).stdout)
        for values in (
            "examples/laptop.yaml",
            "ci/everything.yaml",
            "ci/deployment.yaml",
            "examples/event-hubs.yaml",
            "examples/msk-iam.yaml",
        )
    }
    laptop, everything, deployment, hubs, msk = rendered
    balancers.self_test()
    planted(laptop, "Deployment", lambda t: pod(t).update(terminationGracePeriodSeconds=55), "grace")
    planted(
        laptop,
        "Deployment",
        lambda t: container(t)["livenessProbe"]["httpGet"].update(path="/readyz"),
        "probe",
    )
    planted(
        laptop,
        "Deployment",
        lambda t: container(t)["securityContext"].update(readOnlyRootFilesystem=False),
        "root",
    )
    planted(laptop, "Deployment", lambda t: pod(t)["volumes"].pop(0), "mount")
    planted(laptop, "Deployment", lambda t: t["spec"].update(replica=1), "schema")
    planted(laptop, "Service", lambda t: t.update(apiVersion="x.example.com/v1", kind="X"), "unknown kind")
    planted(everything, "Job", lambda t: pod(t).pop("tolerations"), "adopt")
    planted(
        everything, "NetworkPolicy", lambda t: t["spec"]["ingress"][1]["from"].pop(), "helm test shut out"
    )
    planted(everything, "NetworkPolicy", lambda t: t["spec"]["egress"].pop(1), "broker shut out")
    planted(everything, "ServiceMonitor", lambda t: t["spec"]["endpoints"][0].pop("relabelings"), "job")
    planted(
        everything, "ServiceMonitor", lambda t: t["spec"]["endpoints"][0].update(intervall="1s"), "monitor"
    )
    planted(everything, "PrometheusRule", lambda t: t["spec"]["groups"][0]["rules"][0].pop("expr"), "rule")
    planted(deployment, "HTTPRoute", lambda t: t["spec"]["rules"][0].update(backend=[]), "route")
    planted(hubs, "ScaledObject", lambda t: t["spec"]["triggers"][0].pop("type"), "trigger")
    planted(deployment, "NetworkPolicy", lambda t: t["spec"]["egress"].pop(2), "token endpoint shut out")
    planted(deployment, "NetworkPolicy", lambda t: t["spec"]["egress"].pop(0), "name service shut out")
    planted(msk, "NetworkPolicy", lambda t: t["spec"]["egress"].pop(2), "STS shut out")
    planted(msk, "NetworkPolicy", lambda t: t["spec"]["egress"].pop(3), "Pod Identity shut out")
    planted(hubs, "Ingress", lambda t: t["spec"].update(ingressClassName="gce"), "a wait of 30 s")
    short = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "20"}
    planted(hubs, "Ingress", lambda t: t["metadata"].update(annotations=short), "a wait of 20 s")

    def idle(seconds: int) -> Callable[[Thing], object]:
        def change(thing: Thing) -> None:
            settings = yaml.safe_load(thing["data"]["settings.yaml"])
            settings["http"]["idle_timeout"] = f"{seconds}s"
            thing["data"]["settings.yaml"] = yaml.safe_dump(settings)

        return change

    planted(deployment, "ConfigMap", idle(600), "a proxy that keeps connections longer")
    planted(everything, "ConfigMap", idle(240), "a balancer that forgets connections sooner")
    if not schema_holes({"properties": {"a": {"properties": {}}}, "additionalProperties": False}):
        sys.exit("self-test: a hole in the schema is not found")
    values = {
        "fullnameOverride": "a",
        "settings": {"kafka": {"brokers": "b:1"}},
        "service": {"nodePort": 30080},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        text = chart.template(Path(file.name)).stdout
    if changes_something(chart, values, ("service", "nodePort"), text):
        sys.exit("self-test: a nodePort without NodePort is reported as making a difference")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", type=Path, required=True)
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--binary", type=Path, help="the service, to check the settings with")
    options = parser.parse_args()
    chart = Chart(options.helm)
    operators = crd_schemas.load()
    self_test(chart, operators)
    files = sorted([*(CHART / "ci").glob("*.yaml"), *(CHART / "examples").glob("*.yaml")])
    if not files:
        sys.exit("no values files")
    schema = json.loads((CHART / "values.schema.json").read_text())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = [
            pool.submit(check_values, chart, values, options.rendered, operators, options.binary)
            for values in files
        ]
        all_faults = []
        for values, check in zip(files, checks, strict=True):
            faults, count = check.result()
            print(f"{values.relative_to(CHART)}: {count} objects against their schemas")
            all_faults += [f"{values.stem}: {fault}" for fault in faults]
        all_faults += schema_holes(schema)
        refusals = [pool.submit(refusal_fault, chart, *one) for one in REFUSED.items()]
        if not all_faults:
            all_faults += dead_values(chart, files, options.rendered, schema, pool)
        all_faults += [fault for one in refusals if (fault := one.result())]
    print("\n".join(all_faults) or f"{len(REFUSED)} wrong values are rejected; each value makes a difference")
    sys.exit(1 if all_faults else 0)


if __name__ == "__main__":
    main()
