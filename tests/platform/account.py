"""A Databricks account that keeps what it is told, over HTTP, and refuses what the real one refuses.

The shapes are those of databricks-sdk-py's services; what is refused is what the API's documentation says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.clock import Clock
from databricks.sdk.config import Config
from databricks.sdk.service.provisioning import Workspace
from tests.answering import answering

from medallion_pipelines.platform import Clients

ID = "00000000-0000-4000-8000-000000000000"
Body = dict[str, Any]


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.answer = status, {"error_code": code, "message": message}


def refuse(condition: object, message: str, code: str = "INVALID_PARAMETER_VALUE", status: int = 400) -> None:
    if condition:
        raise RefusedError(status, code, message)


def missing(what: str) -> RefusedError:
    return RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"{what} does not exist")


# collection: name and id in the API's own spelling
SIMPLE = {
    "credentials": ("credentials_name", "credentials_id"),
    "storage-configurations": ("storage_configuration_name", "storage_configuration_id"),
    "customer-managed-keys": (None, "customer_managed_key_id"),
    "vpc-endpoints": ("vpc_endpoint_name", "vpc_endpoint_id"),
    "networks": ("network_name", "network_id"),
    "private-access-settings": ("private_access_settings_name", "private_access_settings_id"),
    "network-connectivity-configs": ("name", "network_connectivity_config_id"),
}
REFERENCES = {
    "credentials_id": "credentials", "storage_configuration_id": "storage-configurations",
    "network_id": "networks", "private_access_settings_id": "private-access-settings",
    "network_connectivity_config_id": "network-connectivity-configs",
    "managed_services_customer_managed_key_id": "customer-managed-keys",
    "storage_customer_managed_key_id": "customer-managed-keys",
}  # fmt: skip
UPDATABLE = {*REFERENCES, "custom_tags"} - {"storage_configuration_id"}


class Account:
    """Its collections by name, each by id; `log` has every request that changed something."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, Body]] = {}
        self.log: list[str] = []
        self.looks = 1  # at a workspace in the making, before it runs
        self.failing: str | None = None  # why the next workspace does
        self.before: Callable[[int], None] = lambda number: None  # each change; may raise
        self.after: Callable[[int], None] = lambda number: None
        self._looked: dict[str, int] = {}
        self._ids = iter(range(1000, 10**6))

    def of(self, collection: str) -> dict[str, Body]:
        return self.all.setdefault(collection, {})

    def names(self) -> dict[str, list[str]]:
        """All that is there, by collection, by name: what must not be there twice."""
        return {
            collection: sorted(str(self._label(each)) for each in objects.values())
            for collection, objects in sorted(self.all.items())
            if objects
        }

    def content(self) -> dict[str, list[str]]:
        """All that is there, with the names of objects in the place of their ids."""
        labels = {
            id_: str(self._label(each)) for objects in self.all.values() for id_, each in objects.items()
        }
        replaced = re.compile("|".join(rf"\b{id_}\b" for id_ in labels) or "$^")

        def named(text: str) -> str:
            return re.sub(r"alert-\d+", "alert", replaced.sub(lambda match: labels[match.group()], text))

        return {
            named(collection): sorted(named(json.dumps(each, sort_keys=True)) for each in objects.values())
            for collection, objects in self.all.items()
            if objects
        }

    @staticmethod
    def _label(each: Body) -> object:
        names = (
            "workspace_name", "credentials_name", "storage_configuration_name", "vpc_endpoint_name",
            "network_name", "private_access_settings_name", "displayName", "display_name", "config_name",
            "name", "label",
        )  # fmt: skip
        return next((each[name] for name in names if name in each), each.get("aws_key_info", each))

    def job(self, workspace: str, name: str) -> None:
        """As a bundle deploys one."""
        job = {"name": name, "settings": {"name": name}}
        self._add(f"{self.id('workspaces', workspace)}/jobs", job, "job_id", number=True)

    def directory(self, workspace: str, path: str) -> None:
        self._add(f"{self.id('workspaces', workspace)}/objects", {"name": path}, "object_id", number=True)

    def secret(self, metastore: str, name: str) -> None:
        self._add(f"{self.id('metastores', metastore)}/secrets", {"name": name}, "id")

    def id(self, collection: str, name: str) -> str:
        return next(id_ for id_, each in self.of(collection).items() if self._label(each) == name)

    def do(self, method: str, path: str, query: Body, body: Body, workspace: str | None) -> Any:
        if path.startswith("/.well-known"):
            raise missing(path)
        steps = [unquote(step) for step in path.strip("/").split("/")]
        changes = method != "GET"
        if changes:
            number = len(self.log) + 1
            self.before(number)
        if steps[2] == "accounts":
            refuse(steps[3] != ID, "no such account", "PERMISSION_DENIED", 403)
            answer = self._account(method, steps[4:], query, body)
        else:
            answer = self._workspace(method, steps[2:], query, body, self._running(workspace or ""))
        if changes:
            self.log.append(f"{method} {path}")
            self.after(number)
        return answer

    # the account

    def _account(self, method: str, steps: list[str], query: Body, body: Body) -> Any:
        collection = steps[0]
        if collection == "scim":
            return self._scim(method, steps[2], steps[3:], query, body)
        if collection == "network-connectivity-configs" and len(steps) > 2:
            return self._endpoint_rules(method, steps[1], steps[3:], body)
        if collection in SIMPLE:
            return self._simple(method, collection, steps[1:], body)
        if collection == "workspaces" and len(steps) > 2:
            return self._of_workspace(method, steps[1], steps[2:], body)
        if collection == "metastores" and steps[2:3] == ["storage-credentials"]:
            self._get("metastores", steps[1])
            return self._unity_named(
                method,
                f"{steps[1]}/storage-credentials",
                steps[3:],
                body.get("credential_info", {}),
                "credential_info",
            )
        handle = getattr(self, f"_{collection.replace('-', '_')}")
        return handle(method, steps[1:], query, body)

    def _simple(self, method: str, collection: str, steps: list[str], body: Body) -> Any:
        name, id_ = SIMPLE[collection]
        objects = self.of(collection)
        if method == "GET":
            listed = list(objects.values())
            return self._get(collection, steps[0]) if steps else (
                {"items": listed} if collection == "network-connectivity-configs" else listed
            )  # fmt: skip
        if method == "POST":
            if name is not None:
                self._unique(objects, name, body[name])
            self._configured(collection, body)
            return self._add(collection, body, id_)
        old = self._get(collection, steps[0])
        if method == "PUT":
            refuse(collection != "private-access-settings", "it cannot be changed")
            refuse(body["region"] != old["region"], "region cannot be changed")
            self._configured(collection, body)
            objects[steps[0]] = {id_: steps[0], **body}
            return objects[steps[0]]
        for other in ("workspaces", "networks", "private-access-settings", "log-delivery"):
            for user in self.of(other).values():
                used = f'"{steps[0]}"' in json.dumps(user) and user is not old
                refuse(used, f"Unable to delete, it is being used by {self._label(user)}", "INVALID_STATE")
        return objects.pop(steps[0])

    def _configured(self, collection: str, body: Body) -> None:
        endpoints = [
            *body.get("vpc_endpoints", {}).get("rest_api", ()),
            *body.get("allowed_vpc_endpoint_ids", ()),
        ]
        for endpoint in [*endpoints, *body.get("vpc_endpoints", {}).get("dataplane_relay", ())]:
            refuse(endpoint not in self.of("vpc-endpoints"), f"there is no VPC endpoint {endpoint}")
        if collection == "networks":
            for field in ("subnet_ids", "security_group_ids"):
                for other in self.of("networks").values():
                    again = set(body[field]) & set(other[field])
                    refuse(again, f"{sorted(again)} are in the network {other['network_name']} already")

    def _endpoint_rules(self, method: str, config: str, steps: list[str], body: Body) -> Any:
        self._get("network-connectivity-configs", config)
        rules = self.of(f"{config}/rules")
        if method == "GET":
            return {"items": list(rules.values())}
        if method == "POST":
            self._unique(rules, "endpoint_service", body["endpoint_service"])
            return self._add(f"{config}/rules", {"name": body["endpoint_service"], **body}, "rule_id")
        return rules[steps[0]] | {} if rules[steps[0]].update(body) else rules[steps[0]]

    def _scim(self, method: str, collection: str, steps: list[str], query: Body, body: Body) -> Any:
        objects = self.of(collection)
        if method == "GET" and steps:
            return self._get(collection, steps[0])
        if method == "GET":
            name = query["filter"].split('"')[1]
            hits = [
                {**each, "members": []}
                for each in objects.values()
                if each["displayName"].casefold() == name.casefold()
            ]
            start = int(query["startIndex"]) - 1
            return {"Resources": hits[start:], "totalResults": len(hits)}
        if method == "POST":
            if collection == "Groups":
                same = [
                    e
                    for e in objects.values()
                    if e["displayName"].casefold() == body["displayName"].casefold()
                ]
                refuse(same, f"{body['displayName']} exists already", "ALREADY_EXISTS", 409)
            return self._add(collection, body, "id")
        found = self._get(collection, steps[0])
        for operation in body["Operations"]:
            if operation["op"] == "add":
                for member in operation["value"]:
                    known = member["value"] in {*self.of("Groups"), *self.of("ServicePrincipals")}
                    refuse(not known, f"there is no principal {member['value']}")
                    members = found.setdefault("members", [])
                    if member not in members:
                        members.append(member)
            else:
                found[operation["path"]] = operation["value"]
        return {}

    def _workspaces(self, method: str, steps: list[str], query: Body, body: Body) -> Any:
        objects = self.of("workspaces")
        if method == "GET":
            for each in [self._get("workspaces", steps[0])] if steps else []:
                if each["workspace_status"] == "PROVISIONING":
                    looked = self._looked[steps[0]] = self._looked.get(steps[0], 0) + 1
                    if looked >= self.looks:
                        each["workspace_status"] = "FAILED" if each.pop("fails", None) else "RUNNING"
                        del self._looked[steps[0]]
            return objects[steps[0]] if steps else list(objects.values())
        if method == "POST":
            self._unique(objects, "workspace_name", body["workspace_name"])
            self._made_of(body, None)
            state = {"workspace_status": "PROVISIONING"}
            if self.failing:
                state |= {"fails": self.failing, "workspace_status_message": self.failing}
                self.failing = None
            deployment = {"deployment_name": f"dbc-{body['workspace_name']}"}
            return self._add("workspaces", {**deployment, **body, **state}, "workspace_id", number=True)
        mask = query["update_mask"].split(",")
        old = self._get("workspaces", steps[0])
        refuse(set(mask) - UPDATABLE, f"{sorted(set(mask) - UPDATABLE)} cannot be updated")
        refuse("network_id" in mask and "network_id" not in old, "its VPC is managed by Databricks")
        self._made_of(body, steps[0])
        key = "storage_customer_managed_key_id"
        refuse(key in mask and key in old, "a key for workspace storage cannot be replaced")
        status = {"workspace_status": "PROVISIONING", "workspace_status_message": "updating"}
        old.update({field: body[field] for field in mask} | status)
        return old

    def _made_of(self, body: Body, id_: str | None) -> None:
        for field, collection in REFERENCES.items():
            if field in body:
                refuse(body[field] not in self.of(collection), f"{field}: there is no {body[field]}")
        for other, each in self.of("workspaces").items():
            used = "network_id" in body and each.get("network_id") == body["network_id"] and other != id_
            refuse(used, f"the network is used by {each['workspace_name']}")
        case = {"managed_services_": "MANAGED_SERVICES", "storage_": "STORAGE"}
        for field, use in case.items():
            key = self.of("customer-managed-keys").get(body.get(f"{field}customer_managed_key_id", ""))
            refuse(key is not None and use not in key["use_cases"], f"the key is not for {use}")

    def _of_workspace(self, method: str, workspace: str, steps: list[str], body: Body) -> Any:
        found = self._running(workspace)
        if steps[0] == "metastore":
            assigned = self.of("assignments").get(workspace)
            if assigned is None:
                raise missing("an assignment")
            return {"metastore_assignment": assigned}
        if steps[0] == "metastores":
            metastore = self._get("metastores", steps[1])
            refuse(metastore["region"] != found["aws_region"], "the metastore is in another region")
            refuse(workspace in self.of("assignments"), "it has a metastore already", "INVALID_STATE")
            assigned = {"workspace_id": int(workspace), "metastore_id": steps[1], "label": "assigned"}
            self.of("assignments")[workspace] = assigned
            return {}
        entries = self.of(f"{workspace}/permissionassignments")
        if method == "GET":
            return {"permission_assignments": list(entries.values())}
        if method == "DELETE":
            entries.pop(steps[2], None)
            return {}
        group = self._get("Groups", steps[2])
        principal = {"principal_id": int(steps[2]), "group_name": group["displayName"]}
        entries[steps[2]] = {
            "principal": principal,
            "permissions": body["permissions"],
            "label": group["displayName"],
        }
        return entries[steps[2]]

    def _metastores(self, method: str, steps: list[str], query: Body, body: Body) -> Any:
        objects, given = self.of("metastores"), body.get("metastore_info", {})
        if method == "GET":
            return {"metastores": list(objects.values())}
        if method == "POST":
            self._unique(objects, "name", given["name"])
            taken = any(each["region"] == given["region"] for each in objects.values())
            refuse(taken, "the region has a metastore", "METASTORE_LIMIT_EXCEEDED")
            made = self._add("metastores", given, "metastore_id")
            if "storage_root" in made:
                made["storage_root"] += f"/{made['metastore_id']}"
            return {"metastore_info": made}
        self._owned(given)
        self._get("metastores", steps[0]).update(given)
        return {"metastore_info": objects[steps[0]]}

    def _log_delivery(self, method: str, steps: list[str], query: Body, body: Body) -> Any:
        objects = self.of("log-delivery")
        if method == "GET":
            return {"log_delivery_configurations": list(objects.values())}
        if method == "PATCH":
            self._get("log-delivery", steps[0]).update(body)
            return {}
        given = body["log_delivery_configuration"]
        for field in ("credentials_id", "storage_configuration_id"):
            refuse(given[field] not in self.of(REFERENCES[field]), f"there is no {given[field]}")
        same = [
            e for e in objects.values() if e["log_type"] == given["log_type"] and e["status"] == "ENABLED"
        ]
        refuse(len(same) == 2, "there are two enabled ones of this type", "RESOURCE_LIMIT_EXCEEDED")
        return {
            "log_delivery_configuration": self._add(
                "log-delivery", {"status": "ENABLED", **given}, "config_id"
            )
        }

    def _budgets(self, method: str, steps: list[str], query: Body, body: Body) -> Any:
        objects = self.of("budgets")
        if method == "GET":
            return {"budgets": list(objects.values())}
        if method == "DELETE":
            del objects[steps[0]]
            return {}
        given = body["budget"]
        for each in given["alert_configurations"]:
            each.setdefault("alert_configuration_id", f"alert-{next(self._ids)}")
            each["quantity_threshold"] = f"{float(each['quantity_threshold']):.2f}"
        if method == "PUT":
            objects[steps[0]] = given
            return {"budget": given}
        return {"budget": self._add("budgets", given, "budget_configuration_id")}

    # within a workspace

    def _workspace(self, method: str, steps: list[str], query: Body, body: Body, workspace: Body) -> Any:
        id_ = str(workspace["workspace_id"])
        if steps[0] == "unity-catalog":
            assigned = self.of("assignments").get(id_)
            refuse(assigned is None, "the workspace has no metastore", "METASTORE_DOES_NOT_EXIST", 404)
            return self._unity(method, steps[1:], query, body, assigned["metastore_id"])  # type: ignore[index]
        if steps[0] == "policies":
            return self._policies(method, steps[-1], body, f"{id_}/policies")
        if steps[:2] == ["sql", "warehouses"]:
            return self._warehouses(method, steps[2:], body, f"{id_}/warehouses")
        if steps[0] == "jobs":
            jobs = self.of(f"{id_}/jobs").values()
            return {"jobs": [each for each in jobs if each["name"].casefold() == query["name"].casefold()]}
        if steps[0] == "workspace":
            for each in self.of(f"{id_}/objects").values():
                if each["name"] == query["path"]:
                    return {"object_id": each["object_id"], "path": each["name"], "object_type": "DIRECTORY"}
            raise missing(query["path"])
        return self._permissions(method, steps[1], steps[2], body, id_)

    def _policies(self, method: str, verb: str, body: Body, collection: str) -> Any:
        objects = self.of(collection)
        if method == "GET":
            return {"policies": list(objects.values())}
        json.loads(body["definition"])
        if verb == "create":
            self._unique(objects, "name", body["name"])
            return {"policy_id": self._add(collection, body, "policy_id")["policy_id"]}
        objects[body["policy_id"]] = body
        return {}

    def _warehouses(self, method: str, steps: list[str], body: Body, collection: str) -> Any:
        objects = self.of(collection)
        if method == "GET":
            return {"warehouses": list(objects.values())}
        if not steps:
            self._unique(objects, "name", body["name"])
            return {"id": self._add(collection, body, "id")["id"]}
        objects[steps[0]] = {"id": steps[0], **body}
        return {}

    def _permissions(self, method: str, kind: str, id_: str, body: Body, workspace: str) -> Any:
        collection = {"cluster-policies": "policies", "directories": "objects", "notebooks": "objects"}.get(
            kind, kind
        )
        self._get(f"{workspace}/{collection}", id_)
        owner = [{"user_name": "deployer@example.com", "permission_level": "IS_OWNER"}]
        first = {"label": f"{kind} {id_}", "acl": owner if kind in ("jobs", "warehouses") else []}
        lists = self.of(f"{workspace}/permissions")
        known = lists.get(f"{kind}/{id_}", first)
        if method == "PUT":
            acl = body["access_control_list"]
            owners = [each for each in acl if each["permission_level"] == "IS_OWNER"]
            refuse(kind in ("jobs", "warehouses") and len(owners) != 1, "there must be exactly one owner")
            entered = {each["label"] for each in self.of(f"{workspace}/permissionassignments").values()}
            for each in acl:
                group = each.get("group_name")
                refuse(
                    group is not None and group not in entered,
                    f"Principal {group} does not exist",
                    status=404,
                )
            known = {**first, "acl": acl}
            lists[f"{kind}/{id_}"] = known
        told = [
            {**each, "all_permissions": [{"permission_level": each["permission_level"], "inherited": False}]}
            for each in known["acl"]
        ]
        inherited = {"permission_level": "CAN_MANAGE", "inherited": True}
        others = [{"group_name": name, "all_permissions": [inherited]} for name in ("admins", "everybody")]
        return {"access_control_list": [*told, *others]}

    # Unity Catalog

    def _unity(self, method: str, steps: list[str], query: Body, body: Body, metastore: str) -> Any:
        collection = f"{metastore}/{steps[0]}"
        if steps[0] == "bindings":
            return self._bindings(method, steps[2], body, metastore)
        if steps[0] == "secrets":
            name = steps[1]
            if not any(each["name"] == name for each in self.of(collection).values()):
                raise missing(name)
            return {"full_name": name, "name": name.split(".")[-1]}
        if steps[0] == "external-locations" and "credential_name" in body:
            self._get_named(f"{metastore}/storage-credentials", body["credential_name"])
            for each in self.of(collection).values():
                inside = f"{body['url']}/".startswith(f"{each['url']}/") or f"{each['url']}/".startswith(
                    body["url"]
                )
                refuse(method == "POST" and inside, f"overlaps with {each['name']}", "LOCATION_OVERLAP")
        if steps[0] == "catalogs" and "storage_root" in body:
            urls = [each["url"] for each in self.of(f"{metastore}/external-locations").values()]
            outside = not any(body["storage_root"].startswith(url) for url in urls)
            refuse(outside, "no external location has the storage root")
        if steps[0] == "catalogs" and "connection_name" in body:
            self._get_named(f"{metastore}/connections", body["connection_name"])
        for name in body.get("secrets", {}).values():
            self._get_named(f"{metastore}/secrets", name)
        return self._unity_named(method, collection, steps[1:], body)

    def _unity_named(self, method: str, collection: str, steps: list[str], body: Body, wrap: str = "") -> Any:
        objects = self.of(collection)
        self._owned(body)
        plural = collection.split("/")[1].replace("-", "_")
        if method == "GET" and not steps:
            return {plural: list(objects.values())}
        if method == "POST":
            self._unique(objects, "name", body["name"])
            made = self._add(collection, {**body, "label": body["name"]}, "id")
            return {wrap: made} if wrap else made
        found = self._get_named(collection, steps[0])
        if method == "DELETE":
            users = [*self.of(f"{collection.split('/')[0]}/catalogs").values()]
            used = any(each.get("connection_name") == steps[0] for each in users)
            refuse(used, "it is used by a catalog", "INVALID_STATE")
            del objects[found["id"]]
            return {}
        found.update(body)
        return {wrap: found} if wrap else found

    def _bindings(self, method: str, catalog: str, body: Body, metastore: str) -> Any:
        self._get_named(f"{metastore}/catalogs", catalog)
        bound = self.of(f"{metastore}/{catalog}/bindings")
        for each in body.get("add", ()):
            workspace = self._get("workspaces", str(each["workspace_id"]))
            bound[str(each["workspace_id"])] = {**each, "label": workspace["workspace_name"]}
        for each in body.get("remove", ()):
            del bound[str(each["workspace_id"])]
        return {"bindings": [{k: v for k, v in each.items() if k != "label"} for each in bound.values()]}

    def _owned(self, body: Body) -> None:
        groups = [each["displayName"] for each in self.of("Groups").values()]
        refuse(body.get("owner", "") not in ["", *groups], f"there is no principal {body.get('owner')}")

    def _running(self, workspace: str) -> Body:
        found = self._get("workspaces", workspace)
        refuse(found["workspace_status"] != "RUNNING", "the workspace is not running", "INVALID_STATE")
        return found

    def _get(self, collection: str, id_: str) -> Body:
        if id_ not in self.of(collection):
            raise missing(f"{collection} {id_}")
        return self.of(collection)[id_]

    def _get_named(self, collection: str, name: str) -> Body:
        for each in self.of(collection).values():
            if each["name"] == name:
                return each
        raise missing(f"{collection} {name}")

    def _unique(self, objects: dict[str, Body], field: str, name: str) -> None:
        taken = any(each.get(field) == name for each in objects.values())
        refuse(taken, f"{name} exists already", "ALREADY_EXISTS", 409)

    def _add(self, collection: str, body: Body, id_: str, *, number: bool = False) -> Body:
        key = str(next(self._ids))
        self.of(collection)[key] = {**body, id_: int(key) if number else key}
        return self.of(collection)[key]


@contextmanager
def served(account: Account) -> Iterator[str]:
    """The account behind HTTP; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer is one packet

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            workspace = self.headers.get("X-Databricks-Workspace-Id")
            try:
                status, answer = 200, account.do(self.command, url.path, query, body, workspace)
            except RefusedError as refused:
                status, answer = refused.status, refused.answer
            except ConnectionError:
                self.close_connection = True
                return
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815

    with answering(Handler) as address:
        yield address


class NoWaiting(Clock):
    """A clock whose sleep is over at once."""

    def __init__(self) -> None:
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def clients(address: str, pause: Callable[[float], None] = lambda seconds: None) -> Clients:
    """What speaks to it; nothing is waited for."""

    def config(**given: str) -> Config:
        return Config(host=address, token="token", retry_timeout_seconds=1, clock=NoWaiting(), **given)

    def connect(workspace: Workspace) -> WorkspaceClient:
        return WorkspaceClient(config=config(workspace_id=str(workspace.workspace_id)))

    return Clients(AccountClient(config=config(account_id=ID)), connect, pause)
