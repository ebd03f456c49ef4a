"""Rules for the rendered chart that no schema expresses. One function per kind of object."""

import urllib.parse
from pathlib import Path
from typing import Any

import balancers
import yaml

Thing = dict[str, Any]
NAMESPACE = "events"
# The job name by which alerts and dashboard select the service.
JOB = "event-ingestor"
# Sources of AWS credentials other than STS.
AWS_URLS = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT")


def kinds(things: list[Thing], *kind: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] in kind]


def pod_of(thing: Thing) -> Thing | None:
    if thing["kind"] == "Pod":
        return thing["spec"]
    return (
        thing["spec"]["template"]["spec"] if thing["kind"] in ("Deployment", "StatefulSet", "Job") else None
    )


def config_of(things: list[Thing]) -> dict[str, str]:
    return next(t["data"] for t in kinds(things, "ConfigMap") if "settings.yaml" in t["data"])


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def invariants(things: list[Thing]) -> list[str]:
    faults = [
        f"{t['kind']} {t['metadata']['name']}: not in the release's namespace"
        for t in things
        if t["metadata"].get("namespace") != NAMESPACE
    ]
    workload = kinds(things, "Deployment", "StatefulSet")[0]
    settings = yaml.safe_load(config_of(things)["settings.yaml"])
    faults += workload_faults(workload, settings)
    for thing in things:
        spec = pod_of(thing)
        if spec is not None:
            title = f"{thing['kind']} {thing['metadata']['name']}"
            faults += [f"{title}: {fault}" for fault in pod_faults(thing, spec)]
    for job in kinds(things, "Job"):
        faults += adopt_faults(job, workload)
    faults += balancers.faults(things, settings)
    for policy in kinds(things, "NetworkPolicy"):
        faults += network_faults(
            policy, kinds(things, "Pod")[0], settings | {"environment": environment_of(workload)}
        )
    for monitor in kinds(things, "ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            if {"targetLabel": "job", "replacement": JOB} not in endpoint.get("relabelings", []):
                faults.append(f"ServiceMonitor: its job isn't {JOB}, so the alerts don't match the service")
    return faults


def workload_faults(workload: Thing, settings: Thing) -> list[str]:
    faults = []
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    stop = seconds(settings["shutdown"]["delay"]) + seconds(settings["shutdown"]["timeout"])
    if not pod["terminationGracePeriodSeconds"] > stop:
        faults.append(f"the grace period is not longer than the stop of {stop} s")
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
            faults.append(f"{folder} is not on a volume, and the root file system is read-only")
    if "checksum/config" not in workload["spec"]["template"]["metadata"]["annotations"]:
        faults.append("a change of the settings would not restart the pods")
    return faults


def pod_faults(thing: Thing, spec: Thing) -> list[str]:
    faults = []
    for one in spec["containers"]:
        security = one["securityContext"]
        if not (
            security["readOnlyRootFilesystem"]
            and not security["allowPrivilegeEscalation"]
            and security["capabilities"]["drop"] == ["ALL"]
            and spec["securityContext"]["runAsNonRoot"]
            and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        ):
            faults.append("not Pod Security restricted")
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])}
    for mount in [m for one in spec["containers"] for m in one.get("volumeMounts", [])]:
        if mount["name"] not in volumes:
            faults.append(f"a mount of {mount['name']}, which is not one of its volumes")
    return faults


def adopt_faults(job: Thing, workload: Thing) -> list[str]:
    """An adopted volume restricts where the pods may run; the job must have the same restrictions."""
    pod, own = workload["spec"]["template"]["spec"], job["spec"]["template"]["spec"]
    return [
        f"Job {job['metadata']['name']}: its {name} is not that of the pods"
        for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "serviceAccountName")
        if pod.get(name) != own.get(name)
    ]


def network_faults(policy: Thing, test: Thing, settings: Thing) -> list[str]:
    faults = []
    labels = test["metadata"]["labels"].items()
    for rule in policy["spec"]["ingress"]:
        to_admin = any(port["port"] == "admin" for port in rule["ports"])
        chosen = [peer.get("podSelector", {}).get("matchLabels", {}).items() for peer in rule.get("from", [])]
        if to_admin and not any(one and one <= labels for one in chosen):
            faults.append("NetworkPolicy: helm test's pod may not query readiness")
    everywhere = {
        (port["port"], port["protocol"])
        for rule in policy["spec"]["egress"]
        if not rule.get("to")
        for port in rule["ports"]
    }
    for what, port, protocol in outward(settings):
        if (port, protocol) not in everywhere:
            faults.append(f"NetworkPolicy: {what} can't be reached, port {port} {protocol}")
    if oauth_source(settings) == "aws_msk_iam":
        agents = {peer["ipBlock"]["cidr"] for rule in policy["spec"]["egress"] for peer in rule.get("to", [])}
        if not {"169.254.170.23/32", "fd00:ec2::23/128"} <= agents:
            faults.append("NetworkPolicy: the agent of EKS Pod Identity can't be reached")
    return faults


def environment_of(workload: Thing) -> dict[str, str]:
    given = workload["spec"]["template"]["spec"]["containers"][0]["env"]
    return {one["name"]: one["value"] for one in given if one.get("value")}


def oauth_source(settings: Thing) -> str:
    security = settings["kafka"].get("security", {})
    return settings["environment"].get("KAFKA_OAUTH_SOURCE") or security.get("oauth_source", "")


def outward(settings: Thing) -> list[tuple[str, int, str]]:
    """The services that this one calls according to its settings: name, port, protocol. Their addresses are
    not known, only their names."""
    environment = settings["environment"]
    found = [("the name service", 53, "UDP"), ("the name service", 53, "TCP")]
    for broker in (environment.get("KAFKA_BROKERS") or settings["kafka"]["brokers"]).split(","):
        found.append((broker.strip(), int(broker.rsplit(":", 1)[1]), "TCP"))
    source, urls = oauth_source(settings), []
    if source == "oidc":
        urls = [environment.get("KAFKA_OAUTH_TOKEN_URL") or settings["kafka"]["security"]["oauth_token_url"]]
    elif source == "aws_msk_iam":
        urls = [environment.get("AWS_ENDPOINT_URL_STS") or "https://sts.amazonaws.com"]
        urls += [environment[name] for name in AWS_URLS if name in environment]
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        found.append((url, parts.port or {"http": 80, "https": 443}[parts.scheme], "TCP"))
    return found
