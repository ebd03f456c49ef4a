#!/usr/bin/env python3
"""A stand-in for AWS for `make infra-plan CLOUD=aws`: moto, with additions for EKS.

    aws_stand_in.py PORT_FILE

Listens on a free loopback port and writes it to PORT_FILE. moto 5.2 has no EKS add-ons, access entries and
pod identity associations, and drops some fields of a cluster. This file adds them as AWS' API describes them:
same paths, same structures, same errors for missing objects. It doesn't check whether AWS would accept a
value.

STAND_IN_EKS_ENDPOINT and STAND_IN_EKS_CA: the API server of every cluster and its CA in base64, as moto's
don't exist. GET /stand-in/left lists the existing resources of this file and of moto's EC2, EKS, ECR, IAM,
KMS, Logs and S3.
"""

import io
import itertools
import json
import os
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import werkzeug.serving  # noqa: E402
from moto.backends import get_backend  # noqa: E402
from moto.ec2.models.launch_templates import LaunchTemplateVersion  # noqa: E402
from moto.iam.access_control import PermissionResult  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import FakeBucket  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

ACCOUNT = "123456789012"  # moto's
ADDON_VERSION = "v1.0.0-eksbuild.1"
CLUSTER_EXTRAS = ("accessConfig", "upgradePolicy")


class NotThere(Exception):
    pass


def mend_moto() -> None:
    # moto copies the tags of a launch template into the tags that the template gives to instances; AWS
    # doesn't.
    made = LaunchTemplateVersion.__init__

    def init(self, template, number, data, description) -> None:  # noqa: ANN001
        made(self, template, number, data, description)
        specifications = data.get("TagSpecifications", [])
        data["TagSpecifications"] = [s for s in specifications if s["ResourceType"] != "launch-template"]

    LaunchTemplateVersion.__init__ = init
    # The states' bucket rejects requests without TLS, and there is no TLS on loopback.
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL


class EksExtras:
    """Add-ons, access entries and pod identity associations of all clusters; one lock protects everything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._addons: dict[tuple[str, str], dict] = {}
        self._entries: dict[tuple[str, str], dict] = {}
        self._policies: dict[tuple[str, str], dict[str, dict]] = {}
        self._associations: dict[tuple[str, str], dict] = {}
        self._clusters: dict[str, dict] = {}
        self._update_configs: dict[tuple[str, str], dict] = {}

    def left(self) -> list[str]:
        with self._lock:
            kinds = {"addon": self._addons, "access entry": self._entries, "pod identity": self._associations}
            return [f"eks {kind} {'/'.join(key)}" for kind, items in kinds.items() for key in items]

    def remember(self, path: list[str], body: dict) -> None:
        """Stores fields of a request that moto doesn't return."""
        with self._lock:
            match path:
                case ["clusters"]:
                    self._clusters[body["name"]] = {key: body[key] for key in CLUSTER_EXTRAS if key in body}
                case ["clusters", cluster, "node-groups"]:
                    self._update_configs[cluster, body["nodegroupName"]] = body.get("updateConfig", {})

    def complete_cluster(self, cluster: dict) -> None:
        with self._lock:
            extras = self._clusters.get(cluster["name"], {})
            cluster.update(json.loads(json.dumps(extras)))
            cluster.get("accessConfig", {}).pop("bootstrapClusterCreatorAdminPermissions", None)
            if "STAND_IN_EKS_ENDPOINT" in os.environ:
                cluster["endpoint"] = os.environ["STAND_IN_EKS_ENDPOINT"]
                cluster["certificateAuthority"] = {"data": os.environ["STAND_IN_EKS_CA"]}

    def complete_node_group(self, group: dict) -> None:
        with self._lock:
            group["updateConfig"] = self._update_configs.get(
                (group["clusterName"], group["nodegroupName"]), {}
            )
        if group.get("launchTemplate"):
            # These are in the launch template; moto invents an SSH key and a disk.
            group.pop("remoteAccess", None)
            group.pop("diskSize", None)

    def answer(self, method: str, cluster: str, kind: str, rest: list[str], body: dict) -> dict | None:
        """Answers a call below /clusters/{cluster}; None if moto handles it."""
        with self._lock:
            match kind, rest, method:
                case "addons", [], "POST":
                    return {"addon": self._make_addon(cluster, body)}
                case "addons", [], "GET":
                    return {"addons": [name for owner, name in self._addons if owner == cluster]}
                case "addons", [name], "GET":
                    return {"addon": self._find(self._addons, cluster, name)}
                case "addons", [name], "DELETE":
                    return {"addon": self._remove_addon(cluster, name)}
                case "addons", [name, "update"], "POST":
                    return self._update_addon(cluster, name, body)
                case "access-entries", [], "POST":
                    return {"accessEntry": self._make_entry(cluster, body)}
                case "access-entries", [], "GET":
                    return {"accessEntries": [arn for owner, arn in self._entries if owner == cluster]}
                case "access-entries", [arn], "GET":
                    return {"accessEntry": self._find(self._entries, cluster, arn)}
                case "access-entries", [arn], "DELETE":
                    self._find(self._entries, cluster, arn)
                    del self._entries[cluster, arn], self._policies[cluster, arn]
                    return {}
                case "access-entries", [arn, "access-policies"], "POST":
                    return self._associate(cluster, arn, body)
                case "access-entries", [arn, "access-policies"], "GET":
                    policies = self._find(self._policies, cluster, arn)
                    return {"principalArn": arn, "associatedAccessPolicies": list(policies.values())}
                case "access-entries", [arn, "access-policies", policy], "DELETE":
                    if self._find(self._policies, cluster, arn).pop(policy, None) is None:
                        raise NotThere(policy)
                    return {}
                case "pod-identity-associations", [], "POST":
                    return {"association": self._make_association(cluster, body)}
                case "pod-identity-associations", [], "GET":
                    return {"associations": [a for (c, _), a in self._associations.items() if c == cluster]}
                case "pod-identity-associations", [number], "GET":
                    return {"association": self._find(self._associations, cluster, number)}
                case "pod-identity-associations", [number], "POST":
                    association = self._find(self._associations, cluster, number)
                    association.update({k: v for k, v in body.items() if k == "roleArn"})
                    return {"association": association}
                case "pod-identity-associations", [number], "DELETE":
                    association = self._find(self._associations, cluster, number)
                    del self._associations[cluster, number]
                    return {"association": association}
        return None

    def tag(self, arn: str, tags: dict) -> bool:
        with self._lock:
            for items in (self._addons, self._entries, self._associations):
                for item in items.values():
                    if arn in (item.get("addonArn"), item.get("accessEntryArn"), item.get("associationArn")):
                        item["tags"].update(tags)
                        return True
        return False

    @staticmethod
    def _find(items: dict, cluster: str, name: str) -> dict:
        try:
            return items[cluster, name]
        except KeyError:
            raise NotThere(f"{cluster}/{name}") from None

    def _stamp(self, kind: str, cluster: str, body: dict, word: str) -> dict:
        now = time.time()
        number = f"a-{next(self._numbers):08d}"
        return {
            "clusterName": cluster,
            "tags": body.get("tags", {}),
            "createdAt": now,
            "modifiedAt": now,
            word: f"arn:aws:eks:eu-central-1:{ACCOUNT}:{kind}/{cluster}/{number}",
        }

    def _make_association(self, cluster: str, body: dict) -> dict:
        association = self._stamp("podidentityassociation", cluster, body, "associationArn")
        association |= {key: body[key] for key in ("namespace", "serviceAccount", "roleArn")}
        association["associationId"] = association["associationArn"].rsplit("/", 1)[1]
        self._associations[cluster, association["associationId"]] = association
        return association

    def _make_addon(self, cluster: str, body: dict) -> dict:
        addon = self._stamp("addon", cluster, body, "addonArn")
        addon |= {
            "addonName": body["addonName"],
            "addonVersion": body.get("addonVersion", ADDON_VERSION),
            "status": "ACTIVE",
            "health": {"issues": []},
        }
        if "configurationValues" in body:
            addon["configurationValues"] = body["configurationValues"]
        addon["podIdentityAssociations"] = [
            self._make_association(cluster, {**wanted, "namespace": "kube-system"})["associationArn"]
            for wanted in body.get("podIdentityAssociations", [])
        ]
        self._addons[cluster, addon["addonName"]] = addon
        return addon

    def _remove_addon(self, cluster: str, name: str) -> dict:
        addon = self._find(self._addons, cluster, name)
        for arn in addon["podIdentityAssociations"]:
            del self._associations[cluster, arn.rsplit("/", 1)[1]]
        del self._addons[cluster, name]
        return {**addon, "status": "DELETING"}

    def _update_addon(self, cluster: str, name: str, body: dict) -> dict:
        addon = self._find(self._addons, cluster, name)
        addon.update({key: body[key] for key in ("addonVersion", "configurationValues") if key in body})
        return {"update": {"id": str(next(self._numbers)), "status": "Successful", "type": "AddonUpdate"}}

    def _make_entry(self, cluster: str, body: dict) -> dict:
        entry = self._stamp("access-entry", cluster, body, "accessEntryArn")
        entry |= {
            "principalArn": body["principalArn"],
            "kubernetesGroups": body.get("kubernetesGroups", []),
            "username": body.get("username", body["principalArn"]),
            "type": body.get("type", "STANDARD"),
        }
        self._entries[cluster, entry["principalArn"]] = entry
        self._policies[cluster, entry["principalArn"]] = {}
        return entry

    def _associate(self, cluster: str, arn: str, body: dict) -> dict:
        now = time.time()
        scope = {"namespaces": [], **body["accessScope"]}
        policy = {
            "policyArn": body["policyArn"],
            "accessScope": scope,
            "associatedAt": now,
            "modifiedAt": now,
        }
        self._find(self._policies, cluster, arn)[body["policyArn"]] = policy
        return {"clusterName": cluster, "principalArn": arn, "associatedAccessPolicy": policy}


def left_in_moto() -> list[str]:
    """The resources in a region, without those that AWS creates itself."""
    left = []
    for region in ("eu-central-1", "us-east-1"):
        ec2 = get_backend("ec2")[ACCOUNT][region]
        kinds = {
            "vpc": [vpc.id for vpc in ec2.vpcs.values() if not vpc.is_default],
            "subnet": [s.id for zone in ec2.subnets.values() for s in zone.values() if not s.default_for_az],
            "nat gateway": [n.id for n in ec2.nat_gateways.values() if n.state != "deleted"],
            "address": list(ec2.addresses),
            "internet gateway": list(ec2.internet_gateways),
            "endpoint": [e.id for e in ec2.vpc_end_points.values() if e.state != "deleted"],
            "launch template": list(ec2.launch_templates),
            "flow log": list(ec2.flow_logs),
            "eks cluster": list(get_backend("eks")[ACCOUNT][region].clusters),
            "ecr repository": list(get_backend("ecr")[ACCOUNT][region].repositories),
            "log group": list(get_backend("logs")[ACCOUNT][region].groups),
            "kms key": [
                key.id
                for key in get_backend("kms")[ACCOUNT][region].keys.values()
                if key.key_state != "PendingDeletion" and key.key_manager == "CUSTOMER"
            ],
        }
        left += [f"{kind} {name}" for kind, names in kinds.items() for name in names]
    iam = get_backend("iam")[ACCOUNT]["aws"]
    left += [f"iam role {role.name}" for role in iam.roles.values()]
    left += [f"s3 bucket {name}" for name in get_backend("s3")[ACCOUNT]["aws"].buckets]
    return left


class StandIn:
    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._eks = EksExtras()

    def __call__(self, environ: dict, start_response):  # noqa: ANN204
        raw = environ.get("RAW_URI", environ["PATH_INFO"]).split("?")[0]
        if raw == "/stand-in/left":
            return Response(json.dumps(self._eks.left() + left_in_moto()))(environ, start_response)
        request = Request(environ)
        if "/eks/" not in request.headers.get("Authorization", ""):
            return self._moto(environ, start_response)
        sent = request.get_data()
        environ["wsgi.input"] = io.BytesIO(sent)
        body = json.loads(sent or b"{}")
        path = [unquote(part) for part in raw.strip("/").split("/")]
        reply = self._reply(request.method, path, body)
        if reply is not None:
            return reply(environ, start_response)
        return self._completed(environ, start_response, request.method, path, body)

    def _reply(self, method: str, path: list[str], body: dict) -> Response | None:
        try:
            match path:
                case ["clusters", cluster, kind, *rest]:
                    answer = self._eks.answer(method, cluster, kind, rest, body)
                    if answer is not None:
                        return Response(json.dumps(answer), content_type="application/json")
                case ["tags", arn] if method == "POST" and self._eks.tag(arn, body.get("tags", {})):
                    return Response("{}", content_type="application/json")
        except NotThere as missing:
            return Response(
                json.dumps({"message": f"Not found: {missing}"}),
                status=404,
                headers={"x-amzn-ErrorType": "ResourceNotFoundException"},
                content_type="application/json",
            )
        return None

    def _completed(self, environ: dict, start_response, method: str, path: list[str], body: dict):  # noqa: ANN202
        """moto's answer about a cluster or node group, with the fields it drops and without those it
        invents."""
        if method == "POST":
            self._eks.remember(path, body)
        response = Response.from_app(self._moto, environ)
        if response.status_code == 200 and response.mimetype == "application/json":
            answer = json.loads(response.get_data())
            if isinstance(answer.get("cluster"), dict):
                self._eks.complete_cluster(answer["cluster"])
            if isinstance(answer.get("nodegroup"), dict):
                self._eks.complete_node_group(answer["nodegroup"])
            response.set_data(json.dumps(answer))
        return response(environ, start_response)


def main() -> None:
    (port_file,) = sys.argv[1:]
    mend_moto()
    server = werkzeug.serving.make_server(
        "127.0.0.1", 0, StandIn(), threaded=True, request_handler=MotoRequestHandler
    )
    os.environ["MOTO_PORT"] = str(server.port)
    written = Path(port_file).with_suffix(".part")
    written.write_text(f"{server.port}\n")
    written.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
