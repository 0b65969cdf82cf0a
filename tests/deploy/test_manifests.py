"""What `deploy/` holds can be taken as it is: manifests by Kubernetes' own schemas, and names that cictl knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cictl_testing.installs.wheels import SOURCE

FOLDER = SOURCE / "deploy"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def manifest(kind: str, name: str) -> dict[str, Any]:
    [found] = [one for one in MANIFESTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


@pytest.mark.parametrize("version", ["1.29", "1.33"])
@pytest.mark.parametrize("number", range(len(MANIFESTS)))
def test_kubernetes_takes_each_manifest(number: int, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[number], version, strict=True)


@pytest.mark.parametrize("name", ["cictl-server", "cictl-agent"])
def test_a_deployment_selects_its_own_pods_and_mounts_what_it_declares(name: str) -> None:
    spec = manifest("Deployment", name)["spec"]
    pod = spec["template"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    mounts = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_three_servers_of_which_two_stay_during_a_disruption() -> None:
    servers, budget = manifest("Deployment", "cictl-server")["spec"], manifest("PodDisruptionBudget", "cictl-server")
    assert (servers["replicas"], budget["spec"]["minAvailable"]) == (3, 2)
    labels = servers["selector"]["matchLabels"]
    assert budget["spec"]["selector"]["matchLabels"] == manifest("Service", "cictl")["spec"]["selector"] == labels


def test_what_compose_names_is_declared() -> None:
    for service in COMPOSE["services"].values():
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
        assert set(service.get("depends_on", ())) <= COMPOSE["services"].keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (FOLDER / source).is_file()


def test_every_setting_is_one_of_cictl() -> None:
    sources = "".join(
        path.read_text() for room in ("cictl", "client", "server") for path in (SOURCE / room).rglob("*.py")
    )
    for path in FOLDER.glob("*.yaml"):
        for name in set(re.findall(r"CICTL_\w+", path.read_text())):
            assert name in sources or f'"{name.removeprefix("CICTL_")}"' in sources, name


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_no_password_is_in_a_list_of_variables(path: Path) -> None:
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            assert not re.search(r"postgres(ql)?://", line), line
