#!/usr/bin/env python3
"""Checks the time-outs of the balancers in front of the service (chart and infra/) against those of the
service.
balancers.py MANIFEST...: rendered charts.

An HTTP proxy that reuses connections to the service for many clients' requests must be the first to close an
idle one: otherwise it may send a request on a connection that the service is closing, and the client gets a
502. It must wait for a reply as long as the service may take, otherwise the client gets a 504 for events that
are acknowledged a moment later.

A TCP balancer drops an idle connection without notice, and the next event sent on it is lost: so the service
must be the first to close, and a request must not wait that long for its ack.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Thing = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
# Added to the service's longest time before it is compared with a balancer's wait: for the transfer times.
MARGIN = 5.0


@dataclass(frozen=True)
class Balancer:
    name: str
    idle: float  # seconds after which it closes, or drops, an idle connection to the service
    proxies: bool  # an HTTP proxy
    reply: float | None = None  # seconds that a proxy waits for a reply; None: unknown
    streams: bool = False  # starts a request, and its wait for the reply, before it has the whole body
    reply_annotation: tuple[str, str] | None = (
        None  # on the Ingress: name, and pattern of the seconds in its value
    )
    idle_annotation: tuple[str, str] | None = None


# Default values from the vendors' manuals.
NGINX = Balancer(
    "ingress-nginx",
    60,
    True,
    60,
    reply_annotation=("nginx.ingress.kubernetes.io/proxy-read-timeout", r"(\d+)"),
)
ALB = Balancer(
    "AWS Application Load Balancer",
    60,
    True,
    60,
    reply_annotation=(
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        r"idle_timeout\.timeout_seconds=(\d+)",
    ),
    idle_annotation=(
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        r"idle_timeout\.timeout_seconds=(\d+)",
    ),
)
GCE = Balancer("Google's Application Load Balancer", 600, True, 30, streams=True)
AZURE_GATEWAY = Balancer(
    "Azure Application Gateway",
    240,
    True,
    30,
    reply_annotation=("appgw.ingress.kubernetes.io/request-timeout", r"(\d+)"),
)
UNKNOWN_PROXY = Balancer("a proxy of no known kind", 600, True)
NLB = Balancer("AWS Network Load Balancer", 350, False)
AZURE_LB = Balancer("Azure Load Balancer", 240, False)
GOOGLE_LB = Balancer("Google's passthrough Network Load Balancer", 600, False)
UNKNOWN_LB = Balancer("a load balancer of no known kind", 240, False)

INGRESS_CLASSES = {
    "nginx": NGINX,
    "alb": ALB,
    "gce": GCE,
    "gce-internal": GCE,
    "azure-application-gateway": AZURE_GATEWAY,
    "azure/application-gateway": AZURE_GATEWAY,
}
# Keys are prefixes of a Service's annotations.
LOAD_BALANCERS = {
    "service.beta.kubernetes.io/aws-load-balancer": NLB,
    "service.beta.kubernetes.io/azure-load-balancer": AZURE_LB,
    "networking.gke.io/load-balancer-type": GOOGLE_LB,
    "cloud.google.com/l4": GOOGLE_LB,
}
# The wait of Google's balancer is set in a separate object, which an annotation of the Service names.
BACKEND_CONFIG = "cloud.google.com/backend-config"
TIMEOUTS = ("http.idle_timeout", "http.request_timeout", "ingest.ack_timeout")


def seconds(duration: str) -> float:
    """Parses a duration in the format of the service's settings."""
    number, unit = re.fullmatch(r"([\d.]+)(h|m|s|ms|us)", duration).groups()  # type: ignore[union-attr]
    return float(number) * {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6}[unit]


def defaults() -> dict[str, float]:
    """The service's default time-outs in seconds, read from docs/CONFIGURATION.md, which is generated from
    the service."""
    text = (ROOT / "docs/CONFIGURATION.md").read_text()
    found = re.findall(r"^\| `([a-z_.]+)` \| `[A-Z_]+` \| duration \| `(\w+)`", text, re.MULTILINE)
    return {key: seconds(value) for key, value in found if key in TIMEOUTS}


def service_timeouts(settings: Thing) -> dict[str, float]:
    """Time-outs by key, in seconds; `settings` has the structure of the settings file."""
    found = defaults()
    for key in TIMEOUTS:
        group, name = key.split(".")
        value = (settings.get(group) or {}).get(name)
        if value is not None:
            found[key] = seconds(str(value))
    return found


def longest(balancer: Balancer, timeouts: dict[str, float]) -> float:
    """The longest time for which the balancer may have to wait for a reply."""
    return timeouts["ingest.ack_timeout"] + (timeouts["http.request_timeout"] if balancer.streams else 0)


def balancer_faults(balancer: Balancer, timeouts: dict[str, float]) -> list[str]:
    idle, needed = timeouts["http.idle_timeout"], longest(balancer, timeouts) + MARGIN
    faults = []
    if balancer.proxies and idle <= balancer.idle:
        faults.append(
            f"{balancer.name} keeps idle connections for {balancer.idle:g} s, the service closes them after {idle:g} s:"
            " raise http.idle_timeout above it"
        )
    if balancer.proxies and balancer.reply is not None and balancer.reply < needed:
        faults.append(
            f"{balancer.name} waits {balancer.reply:g} s for a reply, and the service may take {needed:g} s"
            " (ingest.ack_timeout, http.request_timeout and a margin)"
        )
    if not balancer.proxies and max(idle, needed) >= balancer.idle:
        faults.append(
            f"{balancer.name} forgets a connection that is idle for {balancer.idle:g} s: keep http.idle_timeout"
            f" ({idle:g} s) and ingest.ack_timeout below it"
        )
    return faults


def annotated(balancer: Balancer, annotations: dict[str, str]) -> Balancer:
    def said(annotation: tuple[str, str] | None, otherwise: float | None) -> float | None:
        found = re.search(annotation[1], annotations.get(annotation[0], "")) if annotation else None
        return float(found[1]) if found else otherwise

    return Balancer(
        balancer.name,
        said(balancer.idle_annotation, balancer.idle) or 0,
        balancer.proxies,
        said(balancer.reply_annotation, balancer.reply),
        balancer.streams,
    )


def in_front(things: list[Thing]) -> list[Balancer]:
    """Finds the balancers in front of a rendered chart."""
    found = []
    services = [t for t in things if t["kind"] == "Service"]
    for thing in things:
        annotations = thing["metadata"].get("annotations") or {}
        if thing["kind"] == "Ingress":
            name = thing["spec"].get("ingressClassName") or annotations.get("kubernetes.io/ingress.class", "")
            balancer = annotated(INGRESS_CLASSES.get(name, UNKNOWN_PROXY), annotations)
            configured = any(BACKEND_CONFIG in (s["metadata"].get("annotations") or {}) for s in services)
            if balancer.name == GCE.name and configured:
                balancer = Balancer(GCE.name, GCE.idle, True, None)
            found.append(balancer)
        if thing["kind"] == "HTTPRoute":
            found.append(UNKNOWN_PROXY)
        if thing["kind"] == "Service" and thing["spec"].get("type") == "LoadBalancer":
            kinds = [
                lb for prefix, lb in LOAD_BALANCERS.items() if any(a.startswith(prefix) for a in annotations)
            ]
            found += kinds[:1] or [UNKNOWN_LB]
    return found


def faults(things: list[Thing], settings: Thing) -> list[str]:
    """Checks a rendered chart whose service has these settings."""
    timeouts = service_timeouts(settings)
    return [fault for balancer in in_front(things) for fault in balancer_faults(balancer, timeouts)]


def self_test() -> None:
    sound = {"http.idle_timeout": 75.0, "http.request_timeout": 30.0, "ingest.ack_timeout": 30.0}
    assert set(defaults()) == set(TIMEOUTS), "docs/CONFIGURATION.md has a format that this check can't read"
    assert seconds("1.5m") == 90 and seconds("100ms") == 0.1
    every = [*INGRESS_CLASSES.values(), *LOAD_BALANCERS.values(), UNKNOWN_PROXY, UNKNOWN_LB]
    for balancer in every:
        good = sound | ({"http.idle_timeout": balancer.idle + 1} if balancer.proxies else {})
        wide = Balancer(balancer.name, balancer.idle, balancer.proxies, 66.0, balancer.streams)
        assert balancer_faults(wide, good) == [], balancer.name
        wrong_idle = {"http.idle_timeout": balancer.idle}
        assert balancer_faults(wide, good | wrong_idle), f"{balancer.name}: an idle time-out is not checked"
        assert not balancer.reply or balancer_faults(wide, good | {"ingest.ack_timeout": 62.0}), (
            f"{balancer.name}: the wait for a reply is not checked"
        )
    for balancer, annotation in ((NGINX, NGINX.reply_annotation), (ALB, ALB.idle_annotation)):
        assert annotation
        text = annotation[1].replace(r"(\d+)", "7").replace("\\", "")
        changed = annotated(balancer, {annotation[0]: text})
        assert 7 in (changed.reply, changed.idle), f"{balancer.name}: an annotation is ignored"


def main() -> None:
    self_test()
    all_faults = []
    for file in map(Path, sys.argv[1:]):
        things = [thing for thing in yaml.safe_load_all(file.read_text()) if thing]
        config = next(t["data"] for t in things if "settings.yaml" in t.get("data", {}))
        all_faults += [
            f"{file.stem}: {fault}" for fault in faults(things, yaml.safe_load(config["settings.yaml"]))
        ]
    print("\n".join(all_faults) or f"{len(sys.argv) - 1} manifests fit the balancers in front of them")
    sys.exit(bool(all_faults))


if __name__ == "__main__":
    main()
