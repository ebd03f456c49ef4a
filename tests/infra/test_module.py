"""The shared module, applied to a real cluster: an event arrives, there is no drift, and a destroy leaves
only the documented objects."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from support.cluster import ClusterKafka, Deployed, LocalVolumes, Namespace
from support.one_event import assert_in_kafka, send
from support.terraform import ModuleRoot
from support.waiting import wait_until

Root = Callable[..., ModuleRoot]


def plain(kafka: ClusterKafka) -> dict[str, Any]:
    return {"profile": "plain", "brokers": [kafka.address_for_pods]}


@pytest.mark.parametrize(("ack", "status"), [("broker", 200), ("wal", 202)])
def test_apply_change_and_destroy(
    module_root: Root,
    kafka: ClusterKafka,
    volumes: LocalVolumes,
    namespace_name: str,
    ack: str,
    status: int,
) -> None:
    wal = {"size_gib": 2} | ({"storage_class": volumes.storage_class} if volumes.storage_class else {})
    with module_root(ack=ack, wal=wal, kafka=plain(kafka)) as root:
        root.apply()
        root.assert_no_drift()
        deployed = Deployed(namespace_name, "event-ingestor", stateful=ack == "wal")
        assert deployed.ready_pods() == 2, "the apply waits until all are ready"
        assert root.outputs()["internal_endpoint"] == f"http://event-ingestor.{namespace_name}.svc:80/events"
        event, *said = send(deployed)
        assert said == [status, ack]
        assert_in_kafka(kafka, event)

        before = {pod["metadata"]["uid"] for pod in deployed.pods()}
        root.module["settings"] = {"kafka.linger": "20ms", "journal.events_max": "200000"}
        root.apply()
        root.assert_no_drift()
        deployed.wait_gone()
        deployed.wait_ready(2)
        assert not before & {pod["metadata"]["uid"] for pod in deployed.pods()}, (
            "new settings must restart the pods"
        )
        settings = deployed.settings()
        assert settings["kafka"]["linger"] == "20ms" and int(settings["journal"]["events_max"]) == 200000
        event, *said = send(deployed)
        assert said == [status, ack]
        assert_in_kafka(kafka, event)

        if ack == "wal":
            # The first step of a teardown in infra/README.md.
            deployed.namespace.kubectl("exec", "event-ingestor-0", "--", "event-ingestor", "wal", "stats")
        claims = deployed.volumes()
        assert len(claims) == (2 if ack == "wal" else 0)
        root.destroy()
        assert not deployed.namespace.exists(), "the namespace is removed with the root that created it"
        assert volumes.phases(claims) == {"Released"} if claims else True, "the disks stay, with their data"


def test_what_does_not_become_ready_goes_back(
    module_root: Root, kafka: ClusterKafka, namespace_name: str
) -> None:
    """Unreachable brokers: the apply fails, the old pods keep serving, and an apply with the right brokers
    repairs it."""
    with module_root(kafka=plain(kafka), timeout_seconds=60) as root:
        root.apply()
        deployed = Deployed(namespace_name, "event-ingestor", stateful=False)
        before = {pod["metadata"]["uid"] for pod in deployed.pods()}
        root.module["kafka"] = {"profile": "plain", "brokers": ["nobody.invalid:9092"]}
        root.apply(expect=1)
        wait_until(lambda: {pod["metadata"]["uid"] for pod in deployed.pods()} == before, 60, "back", 0.5)
        assert deployed.settings()["kafka"]["brokers"] == kafka.address_for_pods
        event, status, _ = send(deployed)
        assert status == 200
        assert_in_kafka(kafka, event)
        root.module["kafka"] = plain(kafka)
        root.apply()
        root.assert_no_drift()


def test_a_password_from_a_kubernetes_secret_is_a_file_of_the_pods(
    module_root: Root, volumes: LocalVolumes
) -> None:
    """The profile of Confluent Cloud with unreachable brokers: with a log this counts as an outage, and pods
    become ready. The service starts only if it can read its password file."""
    password = f"secret-{uuid.uuid4()}"
    with Namespace(restricted=True) as namespace:
        wal = {"size_gib": 2} | ({"storage_class": volumes.storage_class} if volumes.storage_class else {})
        with module_root(
            namespace=namespace.name,
            create_namespace=False,
            ack="wal",
            wal=wal,
            replicas=1,
            timeout_seconds=60,
            kafka={"profile": "confluent", "brokers": ["pkc-1.invalid:9092"], "username": "KEY"},
            kafka_secret={"kubernetes": {"name": "kafka", "key": "api-secret"}},
        ) as root:
            # Without the Secret no pod starts, and the apply reports it.
            root.apply(expect=1)
            namespace.apply(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": "kafka"},
                    "stringData": {"api-secret": password},
                }
            )
            root.apply()
            root.assert_no_drift()
            assert password not in root.state(), "no secret goes through Terraform"
            deployed = Deployed(namespace.name, "event-ingestor", stateful=True)
            assert deployed.settings()["kafka"]["security"] == {
                "protocol": "SASL_SSL",
                "mechanism": "PLAIN",
                "username": "KEY",
                "password_file": "/run/secrets/kafka/password",
            }
            assert deployed.settings()["kafka"]["compression"] == "zstd"
            spec = deployed.pod_spec()
            (mount,) = [
                m for m in spec["containers"][0]["volumeMounts"] if m["mountPath"] == "/run/secrets/kafka"
            ]
            (volume,) = [v for v in spec["volumes"] if v["name"] == mount["name"]]
            assert volume["secret"]["items"] == [{"key": "api-secret", "path": "password"}]
            assert deployed.exit_statuses() == [], "it has started, so it could read the file"
            root.destroy()
            assert namespace.exists(), "the namespace must be removed by its creator"
            assert namespace.get("secret", "kafka"), "and the Secret"
            objects = "statefulsets,pods,services,configmaps,serviceaccounts,networkpolicies"
            wait_until(
                lambda: not namespace.get(objects, "-l", "app.kubernetes.io/name=event-ingestor")["items"],
                60,
                "nothing of the release is left once its pods have drained",
                0.5,
            )
            assert deployed.volumes(), "the claims stay, with the data on their volumes"


SECRET_PROVIDER_CLASS = yaml.safe_load("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: secretproviderclasses.secrets-store.csi.x-k8s.io}
spec:
  group: secrets-store.csi.x-k8s.io
  names: {kind: SecretProviderClass, listKind: SecretProviderClassList, plural: secretproviderclasses, singular: secretproviderclass}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                provider: {type: string}
                parameters: {type: object, additionalProperties: {type: string}}
""")


@contextmanager
def secret_provider_class() -> Iterator[None]:
    """The kind, as the driver defines it."""
    with Namespace(restricted=True) as anywhere:
        crd = f"crd/{SECRET_PROVIDER_CLASS['metadata']['name']}"
        anywhere.apply(SECRET_PROVIDER_CLASS)
        try:
            anywhere.kubectl("wait", "--for=condition=Established", crd)
            yield
        finally:
            anywhere.kubectl("delete", crd)


def test_a_secret_store_has_its_class_before_the_pods(module_root: Root, namespace_name: str) -> None:
    """There is no driver to mount it, so the release fails in the end; the objects are checked while it
    waits."""
    secret = {"provider": "aws", "parameters": {"objects": "- objectName: a", "usePodIdentity": "true"}}
    with secret_provider_class(), ThreadPoolExecutor() as executor:
        with module_root(
            kafka={"profile": "msk-scram", "brokers": ["b-1.invalid:9096"], "username": "ingestor"},
            kafka_secret={"store": secret},
            timeout_seconds=60,
        ) as root:
            failing = executor.submit(root.apply, 1)
            deployed = Deployed(namespace_name, "event-ingestor", stateful=False)
            wait_until(lambda: deployed.pods(), 50, "there are pods", 0.5)
            assert deployed.namespace.get("secretproviderclass", "event-ingestor-kafka")["spec"] == secret
            (volume,) = [v for v in deployed.pod_spec()["volumes"] if "csi" in v]
            assert volume["csi"]["driver"] == "secrets-store.csi.k8s.io"
            assert volume["csi"]["volumeAttributes"] == {"secretProviderClass": "event-ingestor-kafka"}
            assert deployed.settings()["kafka"]["security"] == {
                "protocol": "SASL_SSL",
                "mechanism": "SCRAM-SHA-512",
                "username": "ingestor",
                "password_file": "/run/secrets/kafka/password",
            }
            wait_until(
                lambda: "secrets-store.csi.k8s.io not found" in events(deployed),
                50,
                "the driver is requested",
                0.5,
            )
            failing.result()
            assert not deployed.pods(), "a failed installation must be removed"
            root.destroy()
            assert not deployed.namespace.exists()


def events(deployed: Deployed) -> str:
    return "\n".join(event["message"] for event in deployed.namespace.get("events")["items"])
