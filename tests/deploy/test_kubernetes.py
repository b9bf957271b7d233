"""The manifests for Kubernetes: valid by its schemas, of one piece with the image, and read as KEDA reads them."""

import json
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import msgspec
import pytest

from host.settings import settings
from jobs.wire import Beat
from tests.deploy import dockerfile
from tests.deploy.dockerfile import ROOT
from tests.deploy.manifests import at_path, documents, variables
from tests.deploy.stopping import STOP_SECONDS
from tests.support.patience import stretched
from web.routes import ROUTES
from web.views.numbers import stats

FOLDER = ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
VERSIONS = ("1.29", "1.32", "1.37")
SCALED_OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["scaleTargetRef", "triggers"],
            "additionalProperties": False,
            "properties": {
                "scaleTargetRef": {"type": "object", "required": ["name"]},
                **{
                    name: {"type": "integer", "minimum": 0}
                    for name in ("minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod")
                },
                "triggers": {"type": "array", "items": {"$ref": "#/$defs/trigger"}},
            },
        },
    },
    "$defs": {
        "trigger": {
            "type": "object",
            "required": ["type", "metadata"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": "metrics-api"},
                "authenticationRef": {"type": "object", "required": ["name"]},
                "metadata": {
                    "type": "object",
                    "required": ["url", "valueLocation", "targetValue"],
                    "additionalProperties": False,
                    "properties": {
                        "format": {"enum": ["json", "xml", "yaml", "prometheus"]},
                        "authMode": {"enum": ["apiKey", "basic", "tls", "bearer"]},
                        **{name: {"type": "string"} for name in ("url", "valueLocation", "targetValue")},
                    },
                },
            },
        }
    },
}
"""The part of KEDA's schema that we use: no validator of Kubernetes has it."""


def resources() -> dict[str, dict[str, Any]]:
    """The resources of the base that are written out, by kind."""
    names = documents(BASE / "kustomization.yaml")[0]["resources"]
    return {each["kind"]: each for name in names for each in documents(BASE / name)}


def pod() -> dict[str, Any]:
    found: dict[str, Any] = resources()["StatefulSet"]["spec"]["template"]["spec"]
    return found


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_each_resource_has_its_schema(version: str) -> None:
    for resource in resources().values():
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_overlay_with_a_courier_opens_the_internet_and_no_private_network() -> None:
    overlay = FOLDER / "courier"
    (made,) = documents(overlay / "kustomization.yaml")
    assert {path.name for path in overlay.iterdir()} == {"kustomization.yaml", "courier.env", "network.yaml"}
    (patch,) = documents(overlay / made["patches"][0]["path"])
    base = resources()["NetworkPolicy"]
    assert (patch["kind"], patch["metadata"]["name"]) == (base["kind"], base["metadata"]["name"])
    whole = base | {"spec": base["spec"] | patch["spec"]}
    for version in VERSIONS:
        kubernetes_validate.validate(whole, version, strict=True)
    blocks = [to["ipBlock"] for rule in patch["spec"]["egress"] for to in rule["to"] if "ipBlock" in to]
    for text in ("10.9.9.9", "100.64.1.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "fd00::1", "fe80::1"):
        assert not any(_opens(block, text) for block in blocks), text
    assert all(any(_opens(block, text) for block in blocks) for text in ("8.8.8.8", "2606:4700::1111"))
    variables_of = variables(BASE / "pixmill.env") | variables(overlay / "courier.env")
    assert variables_of["PIXMILL_COURIERS"] == "1"


def _opens(block: dict[str, Any], text: str) -> bool:
    address = ip_address(text)
    within = [ip_network(each) for each in block.get("except", [])]
    return address in ip_network(block["cidr"]) and not any(address in network for network in within)


def test_a_misspelt_field_is_seen() -> None:
    planted = resources()["Service"] | {"sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(planted, VERSIONS[-1], strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_kustomize_makes_the_base() -> None:
    done = subprocess.run(["kubectl", "kustomize", BASE], capture_output=True, text=True, timeout=stretched(30))
    assert (done.stderr, done.returncode) == ("", 0)
    assert f"image: pixmill:{documents(BASE / 'kustomization.yaml')[0]['images'][0]['newTag']}\n" in done.stdout
    assert done.stdout.count("\nkind: ") == 1 + len(resources())


def test_every_file_of_the_base_is_part_of_it() -> None:
    (made,) = documents(BASE / "kustomization.yaml")
    listed = {"kustomization.yaml", *made["resources"], *made["configMapGenerator"][0]["envs"]}
    assert {path.name for path in BASE.iterdir()} == listed
    assert made["configMapGenerator"][0]["name"] == container()["envFrom"][0]["configMapRef"]["name"]
    assert made["images"][0]["name"] == container()["image"]


def test_the_settings_fit_the_images_and_the_volumes() -> None:
    image = {name: value for name, value in dockerfile.environ().items() if name.startswith("PIXMILL_")}
    given = image | variables(BASE / "pixmill.env")
    secret = Path(given.pop("PIXMILL_API_KEYS_FILE"))
    chosen, _ = settings.parse(given | {"PIXMILL_API_KEYS": f"acme:write:{'0' * 64}"})
    mounts = {mount["mountPath"]: mount["name"] for mount in container()["volumeMounts"]}
    assert (mounts[str(secret.parent)], secret.name) == ("secrets", "api_keys")
    assert (mounts[str(Path(chosen.data).parent)], mounts[str(Path(chosen.run).parent)]) == ("data", "run")
    claims = [claim["metadata"]["name"] for claim in resources()["StatefulSet"]["spec"]["volumeClaimTemplates"]]
    assert set(mounts.values()) == {volume["name"] for volume in pod()["volumes"]} | set(claims)
    assert [port["containerPort"] for port in container()["ports"]] == [chosen.port]


def test_no_variable_of_a_service_is_taken_for_a_setting() -> None:
    assert pod()["enableServiceLinks"] is False


def test_one_pod_has_the_volume() -> None:
    spec = resources()["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    assert [claim["spec"]["accessModes"] for claim in spec["volumeClaimTemplates"]] == [["ReadWriteOnce"]]


def test_the_pod_has_the_images_user_and_no_right_beyond() -> None:
    user = int(dockerfile.texts("USER")[0].split(":")[0])
    security = pod()["securityContext"]
    assert {security[name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {user}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_probes_ask_routes_that_need_no_key() -> None:
    open_routes = {route.path for route in ROUTES if route.path.startswith("/health/")}
    probes = {name: container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert [probe["path"] for probe in probes.values()] == ["/health/live", "/health/live", "/health/ready"]
    assert {probe["path"] for probe in probes.values()} <= open_routes
    named = {port["name"] for port in container()["ports"]}
    assert {probe["port"] for probe in probes.values()} <= named
    assert resources()["Service"]["spec"]["ports"][0]["targetPort"] in named
    assert resources()["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] in named


def test_all_select_the_same_pods() -> None:
    labels = resources()["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert resources()["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert resources()["Service"]["spec"]["selector"] == labels
    assert resources()["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert resources()["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels


def test_the_pod_has_the_time_to_drain() -> None:
    assert pod()["terminationGracePeriodSeconds"] == STOP_SECONDS


def scaled() -> dict[str, Any]:
    found, authentication = documents(FOLDER / "keda" / "workers.yaml")
    (trigger,) = found["spec"]["triggers"]
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert [secret["parameter"] for secret in authentication["spec"]["secretTargetRef"]] == ["token"]
    return found


def test_the_scaled_object_has_its_schema() -> None:
    jsonschema.validate(scaled(), SCALED_OBJECT)
    misspelt = json.loads(json.dumps(scaled()).replace("valueLocation", "valueLocaton"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(misspelt, SCALED_OBJECT)


def test_keda_reads_the_number_of_workers_that_are_wanted() -> None:
    """Its scaler takes a JSON number at the GJSON path; another type would be an error."""
    asked = scaled()["spec"]["triggers"][0]["metadata"]
    url = urlsplit(asked["url"])
    assert url.hostname == resources()["Service"]["metadata"]["name"]
    assert (url.port or 80) == resources()["Service"]["spec"]["ports"][0]["port"]
    beat = Beat(1, 1.0, 2, False, {}, None, [], 7, 0.0, 0.0)
    body = msgspec.json.encode(stats(beat, now=0.0, sees="acme", wait_seconds=None))
    value = at_path(json.loads(body), asked["valueLocation"])
    assert type(value) is int and value == 7
    assert at_path(json.loads(body), "workers_wnated") is None
    assert value / float(asked["targetValue"]) == 7, "one worker a pod"
