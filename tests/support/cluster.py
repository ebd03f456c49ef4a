"""A Kubernetes cluster, used through kubectl and helm, with a Kafka in it for the tests."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from support.containers import ROOT
from support.metrics import Metrics
from support.ports import free_port
from support.waiting import wait_until

CHART = ROOT / "deploy/helm/event-ingestor"
USER = 65532
_VOLUMES = 6


def _run(*command: str, text: str | None = None, seconds: float = 300, check: bool = True) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds)
    assert not check or done.returncode == 0, (
        f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    return done.stdout


class Namespace:
    """A new namespace, removed with everything in it."""

    def __init__(self, restricted: bool):
        self.name = f"ei-test-{uuid.uuid4().hex[:8]}"
        level = "restricted" if restricted else "baseline"
        labels = {"pod-security.kubernetes.io/enforce": level}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": labels}}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _run("kubectl", "delete", "namespace", self.name, "--wait=false")

    def kubectl(self, *arguments: str, seconds: float = 300, check: bool = True) -> str:
        return _run("kubectl", "--namespace", self.name, *arguments, seconds=seconds, check=check)

    def apply(self, *things: dict[str, Any]) -> None:
        _run("kubectl", "apply", "--namespace", self.name, "--filename", "-", text=yaml.safe_dump_all(things))

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def exists(self) -> bool:
        return bool(_run("kubectl", "get", "namespace", self.name, "--ignore-not-found", "--output", "name"))


class NamespaceOfOthers(Namespace):
    """A namespace that another component creates and removes."""

    def __init__(self, name: str):
        self.name = name


def _ask(*command: str, text: str) -> str:
    """Runs the command and returns all of its output, including warnings."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout + done.stderr


class Definitions:
    """The kinds of operators. A local cluster gets the missing ones while the tests run; other clusters are
    not changed."""

    def __init__(self, folder: Path):
        self._added: list[str] = []
        self.missing: set[str] = set()
        try:
            for file in sorted(folder.glob("*.yaml")):
                self._provide(file)
        except BaseException:
            self.close()
            raise

    def _provide(self, file: Path) -> None:
        definition = yaml.safe_load(file.read_text())
        name = definition["metadata"]["name"]
        if _run("kubectl", "get", "crd", name, "--ignore-not-found", "--output", "name"):
            return
        if "LOCAL_CLUSTER" not in os.environ:
            self.missing.add(definition["spec"]["names"]["kind"])
            return
        _run("kubectl", "create", "--filename", str(file))
        self._added.append(name)
        wait_until(lambda: self._established(name), 60, f"{name} is established", 0.2)

    @staticmethod
    def _established(name: str) -> bool:
        status = json.loads(_run("kubectl", "get", "crd", name, "--output", "json")).get("status", {})
        return {"Established": "True"}.items() <= {
            one["type"]: one["status"] for one in status.get("conditions") or []
        }.items()

    def close(self) -> None:
        for name in self._added:
            _run("kubectl", "delete", "crd", name)


def render(values: Path, namespace: Namespace) -> list[dict[str, Any]]:
    text = _run(
        os.environ["HELM"],
        "template",
        "ei",
        str(CHART),
        "--namespace",
        namespace.name,
        "--values",
        str(values),
    )
    return [thing for thing in yaml.safe_load_all(text) if thing]


def try_on_server(things: list[dict[str, Any]]) -> str:
    """Lets the API server validate and admit everything without storing it. Returns its output."""
    return _ask(
        "kubectl",
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "--filename",
        "-",
        text=yaml.safe_dump_all(things),
    )


class ClusterKafka:
    """A broker in a pod. Pods reach it by the name of its Service, tests through a forwarded port."""

    def __init__(self, namespace: Namespace, image: str):
        self._namespace = namespace
        self.address_for_pods = f"kafka.{namespace.name}.svc:9092"
        port = free_port()
        self.address = f"localhost:{port}"
        listeners = {"INTERNAL": self.address_for_pods, "EXTERNAL": self.address}
        environment = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENERS": "INTERNAL://:9092,EXTERNAL://:9094,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": ",".join(f"{name}://{at}" for name, at in listeners.items()),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": ",".join(
                f"{name}:PLAINTEXT" for name in ("INTERNAL", "EXTERNAL", "CONTROLLER")
            ),
            "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_NUM_PARTITIONS": "3",
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "CLUSTER_ID": "ZXZlbnQtaW5nZXN0b3ItMQ",
            "KAFKA_HEAP_OPTS": "-Xmx512m",
        }
        namespace.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "kafka", "labels": {"app": "kafka"}},
                "spec": {
                    "shareProcessNamespace": True,  # a broker that is process 1 can't be stopped by a signal
                    "enableServiceLinks": False,  # KAFKA_PORT and similar variables would be read as broker settings
                    "containers": [
                        {
                            "name": "kafka",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "env": [{"name": k, "value": v} for k, v in environment.items()],
                        }
                    ],
                },
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "kafka"},
                "spec": {
                    "selector": {"app": "kafka"},
                    "publishNotReadyAddresses": True,
                    "ports": [{"port": 9092}],
                },
            },
        )
        namespace.kubectl("wait", "--for=condition=Ready", "pod/kafka", "--timeout=120s")
        self._port = port
        self._forward = self._start_forward()
        try:
            wait_until(self._answers, 90, "the broker in the cluster answers", 0.5)
        except AssertionError as error:
            self.close()
            raise AssertionError(
                f"{error}\n{namespace.kubectl('logs', 'kafka', check=False)[-2000:]}"
            ) from None

    def close(self) -> None:
        self._forward.terminate()
        self._forward.wait(10)

    def shut_door(self, name: str) -> str:
        """Returns an address that leads nowhere until open_door. It is new, so no client has a connection to
        it."""
        self._door(name, "nobody")
        return f"{name}.{self._namespace.name}.svc:9092"

    def open_door(self, name: str) -> None:
        self._door(name, "kafka")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The broker accepts connections and answers none, like a broker on a machine that hangs."""
        self._signal("STOP")
        try:
            assert not self._answers(), "a frozen broker answers"
            yield
        finally:
            self._signal("CONT")
            wait_until(self._answers, 90, "the broker answers again", 0.5)

    def _signal(self, name: str) -> None:
        script = f"for p in /proc/[0-9]*; do [ $(cat $p/comm) != java ] || {{ kill -{name} ${{p#/proc/}}; exit; }}; done; exit 1"
        self._namespace.kubectl("exec", "kafka", "--", "sh", "-c", script)

    def _door(self, name: str, leads_to: str) -> None:
        spec = {"selector": {"app": leads_to}, "ports": [{"port": 9092}]}
        self._namespace.apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
        )

    def _start_forward(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                "kubectl",
                "--namespace",
                self._namespace.name,
                "port-forward",
                "pod/kafka",
                f"{self._port}:9094",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _answers(self) -> bool:
        # The forward ends at the first connection that the pod rejects, so while the broker is starting.
        if self._forward.poll() is not None:
            self._forward = self._start_forward()
        try:
            client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            return bool(client.list_topics(timeout=3).brokers)
        except KafkaException:
            return False


class LocalVolumes:
    """Volumes for a local cluster without a provisioner. If there is one, its default class is used."""

    def __init__(self) -> None:
        self.storage_class = ""
        self._folder: Path | None = None
        if "LOCAL_CLUSTER" not in os.environ:
            return
        self.storage_class = f"ei-test-{uuid.uuid4().hex[:8]}"
        self._folder = Path(tempfile.mkdtemp(prefix="ei-volumes-"))
        self._folder.chmod(0o755)
        things = []
        for n in range(_VOLUMES):
            place = self._folder / str(n)
            place.mkdir()
            # A hostPath is not chowned to the pod's fsGroup, unlike a real volume.
            os.chown(place, USER, USER)
            things.append(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": f"{self.storage_class}-{n}", "labels": {"run": self.storage_class}},
                    "spec": {
                        "capacity": {"storage": "2Gi"},
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": self.storage_class,
                        "hostPath": {"path": str(place)},
                    },
                }
            )
        _run("kubectl", "apply", "--filename", "-", text=yaml.safe_dump_all(things))

    def phases(self, names: list[str]) -> set[str]:
        """The phases of the volumes with these names: Bound, Released and so on."""
        found = json.loads(_run("kubectl", "get", "persistentvolume", *names, "--output", "json"))
        items = found["items"] if "items" in found else [found]
        return {one["status"]["phase"] for one in items}

    def close(self) -> None:
        if self._folder is not None:
            _run(
                "kubectl",
                "delete",
                "persistentvolume",
                "--selector",
                f"run={self.storage_class}",
                "--wait=false",
            )
            shutil.rmtree(self._folder, ignore_errors=True)


class Deployed:
    """The running objects of a release, however it was installed; reachable by a NodePort."""

    def __init__(self, namespace: "Namespace | str", full_name: str, stateful: bool):
        self.namespace = NamespaceOfOthers(namespace) if isinstance(namespace, str) else namespace
        self.full_name = full_name
        self.stateful = stateful

    @property
    def workload(self) -> str:
        return f"{'statefulset' if self.stateful else 'deployment'}/{self.full_name}"

    def settings(self) -> Any:
        """The settings that the service reads."""
        return yaml.safe_load(self.namespace.get("configmap", self.full_name)["data"]["settings.yaml"])

    def pod_spec(self) -> Any:
        return self.namespace.get(*self.workload.split("/"))["spec"]["template"]["spec"]

    def volumes(self) -> list[str]:
        """The persistent volumes that are bound to the pods' claims."""
        return [claim["spec"]["volumeName"] for claim in self.namespace.get("pvc")["items"]]

    def pods(self) -> list[dict[str, Any]]:
        """The serving pods that are not being deleted, by name."""
        found = self.namespace.get("pods", "--selector", "app.kubernetes.io/component=ingestor")["items"]
        return sorted(
            (pod for pod in found if "deletionTimestamp" not in pod["metadata"]),
            key=lambda pod: pod["metadata"]["name"],
        )

    def names(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.pods()}

    def uids(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods()}

    def readiness(self) -> dict[str, tuple[str, str, int]]:
        """For each pod: whether it is ready, since when, and how often its container was restarted."""
        return {
            pod["metadata"]["uid"]: (
                condition["status"],
                condition["lastTransitionTime"],
                pod["status"]["containerStatuses"][0]["restartCount"],
            )
            for pod in self.pods()
            for condition in pod["status"]["conditions"]
            if condition["type"] == "Ready"
        }

    def ready_pods(self) -> int:
        return sum(
            condition["status"] == "True"
            for pod in self.pods()
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "Ready"
        )

    def wait_ready(self, count: int, seconds: float = 120) -> None:
        wait_until(
            lambda: len(self.pods()) == count and self.ready_pods() == count,
            seconds,
            f"{count} pods are ready",
            0.5,
        )

    def wait_gone(self, seconds: float = 90) -> None:
        """Waits until no pod is being deleted."""
        wait_until(
            lambda: (
                not [
                    pod
                    for pod in self.namespace.get(
                        "pods", "--selector", "app.kubernetes.io/component=ingestor"
                    )["items"]
                    if "deletionTimestamp" in pod["metadata"]
                ]
            ),
            seconds,
            "the deleted pods are gone",
            0.5,
        )

    def metric_of(self, pod: str, name: str) -> float:
        """Read through the API server, as the admin port is only open inside the cluster."""
        path = f"/api/v1/namespaces/{self.namespace.name}/pods/{pod}:8081/proxy/metrics"
        return Metrics(_run("kubectl", "get", "--raw", path)).value(f"event_ingestor_{name}")

    def exit_statuses(self) -> list[int]:
        """Exit statuses of containers that ended while their pod stayed, and were therefore restarted."""
        return [
            status["lastState"]["terminated"]["exitCode"]
            for pod in self.pods()
            for status in pod["status"].get("containerStatuses", [])
            if status["restartCount"] > 0
        ]

    def endpoint(self) -> tuple[str, int]:
        service = self.namespace.get("service", self.full_name)
        if address := os.environ.get("NODE_ADDRESS"):
            return address, service["spec"]["ports"][0]["nodePort"]
        node = json.loads(_run("kubectl", "get", "nodes", "--output", "json"))["items"][0]
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        return addresses["InternalIP"], service["spec"]["ports"][0]["nodePort"]


class Release(Deployed):
    """The chart, installed into a namespace by helm."""

    def __init__(self, namespace: Namespace, **values: Any):
        super().__init__(namespace, "ei-event-ingestor", stateful=values["ack"] == "wal")
        self.name = "ei"
        self._values = values
        self._helm("install")

    def upgrade(self, seconds: int = 180, **values: Any) -> None:
        """Returns when all pods are ready; `values` are merged into the previous ones."""
        for key, value in values.items():
            old = self._values.get(key)
            self._values[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
        self._helm("upgrade", seconds)

    def upgrade_by_flags(self, *flags: str) -> None:
        """Upgrades as described in the chart's README: helm keeps the previous values."""
        _run(
            os.environ["HELM"], "upgrade", self.name, str(CHART), "--namespace", self.namespace.name,
            "--reuse-values", *flags,
        )  # fmt: skip

    def test(self) -> None:
        _run(os.environ["HELM"], "test", self.name, "--namespace", self.namespace.name, "--timeout", "60s")

    def _helm(self, command: str, seconds: int = 180) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(self._values, file)
            file.flush()
            _run(
                os.environ["HELM"], command, self.name, str(CHART), "--namespace", self.namespace.name,
                "--values", file.name, "--wait", "--timeout", f"{seconds}s",
            )  # fmt: skip
