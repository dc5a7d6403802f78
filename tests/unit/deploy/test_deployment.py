"""Compose, Kubernetes, AWS, settings and manual say the same, and the tools that read these files accept them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from emstream.settings import OLD_NAMES, Settings
from emstream.stages import KINDS
from tests.e2e import images
from tests.places import ROOT

DOCKERFILE = ROOT / "services" / "Dockerfile"
COMPOSE = ROOT / "docker-compose.yml"
CPU = ROOT / "services/deploy/compose.cpu.yml"
MANIFESTS = [path for path in sorted((ROOT / "k8s").rglob("*.yaml")) if path.name != "kustomization.yaml"]
SERVICES = ("gateway", *KINDS)
NOT_IN_CONTAINERS = {
    "models": "the shipped ones",
    "data": "the image says it",
    "log_format": "the image says it",
    "redis_prefix": "one broker, one service",
    "url": "the client's",
    "key": "the client's",
    "token": "keys are used",
    "worker_name": "the container's name does",
    "input_roots": "no folders of the host are seen",
}
"""Settings that docker-compose.yml does not offer, and why."""

KEDA_SPEC = json.loads((Path(__file__).parent / "schemas" / "keda_scaledobject_spec.json").read_text())
KEDA_PROMETHEUS = {"serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues", "namespace"}
"""Of the Prometheus trigger in KEDA 2.20's documentation: the resource's schema leaves a trigger's metadata open."""


def tool(name: str) -> str:
    """Return a program's path, beside the interpreter or on PATH; skip the test where it is missing."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker-compose with nothing in its environment but what is given."""
    command = [tool("docker-compose"), "--project-directory", str(ROOT), "--env-file", os.devnull, *arguments]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True)


@cache
def composed(*files: Path) -> dict[str, Any]:
    """Return what docker-compose makes of the files, with all profiles."""
    options = [part for file in files for part in ("--file", str(file))]
    told = compose(*options, "--profile", "*", "config", "--format", "json", BROKER_PASSWORD="secret")
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def container(service: str, folder: str = "base") -> dict[str, Any]:
    """Return the container of a service's Deployment."""
    (deployment,) = (d for d in documents(ROOT / "k8s" / folder / f"{service}.yaml") if d["kind"] == "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, CPU)], ids=["gpu", "cpu"])
def test_compose_takes_its_files_without_a_warning(files: tuple[Path, ...]) -> None:
    options = [part for file in files for part in ("--file", str(file))]
    told = compose(*options, "--profile", "*", "config", "--quiet", BROKER_PASSWORD="secret")
    assert (told.returncode, told.stderr) == (0, "")


def test_compose_says_which_secret_is_missing() -> None:
    told = compose("--file", str(COMPOSE), "config", "--quiet")
    assert told.returncode != 0
    assert "set BROKER_PASSWORD in .env" in told.stderr


def test_only_inference_has_gpus_and_none_in_the_variant_without() -> None:
    def with_devices(composition: dict[str, Any]) -> list[str]:
        services = composition["services"].items()
        return [
            name for name, service in services if (service.get("deploy") or {}).get("resources", {}).get("reservations")
        ]

    assert with_devices(composed(COMPOSE)) == ["inference"]
    assert with_devices(composed(COMPOSE, CPU)) == []


def test_containers_are_told_settings_that_exist() -> None:
    named = set(
        re.findall(r"EMSTREAM_[A-Z_]+", "".join(path.read_text() for path in [COMPOSE, CPU, DOCKERFILE, *MANIFESTS]))
    )
    known = {f"EMSTREAM_{name.upper()}" for name in Settings.model_fields} | OLD_NAMES.keys()
    assert named <= known


def test_compose_passes_every_setting_on_or_there_is_a_reason() -> None:
    text = COMPOSE.read_text() + CPU.read_text()
    missing = {name for name in Settings.model_fields if f"EMSTREAM_{name.upper()}" not in text}
    assert missing == set(NOT_IN_CONTAINERS)


def test_the_example_names_every_variable_that_compose_reads_from_it() -> None:
    read = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE.read_text() + CPU.read_text()))
    read |= {secret["environment"] for secret in yaml.safe_load(COMPOSE.read_text())["secrets"].values()}
    own = {name for name in read if not name.startswith("EMSTREAM_")}
    example = (ROOT / ".env.example").read_text()
    assert not [name for name in own if f"{name}=" not in example]


@pytest.mark.parametrize("service", SERVICES)
def test_compose_and_kubernetes_start_a_service_alike(service: str) -> None:
    command = composed(COMPOSE)["services"][service]["command"]
    assert command == container(service)["command"]
    assert command[:2] == ["python", "-m"]
    assert importlib.util.find_spec(command[2])


@pytest.mark.parametrize("service", SERVICES)
def test_compose_and_kubernetes_use_the_image_made_for_a_service(service: str) -> None:
    built = composed(COMPOSE, CPU)["services"]
    extras = built[service]["image"].rpartition(":")[2]
    assert extras in {one["build"]["args"]["EXTRAS"] for one in built.values() if "build" in one}
    assert container(service)["image"].rpartition("-")[2] == extras


def test_users_folders_and_bases_are_fixed() -> None:
    text = DOCKERFILE.read_text()
    assert "USER 10001:10001" in text
    assert re.search(r"^ARG PYTHON=3\.11\.\d+-slim-bookworm$", text, re.MULTILINE)
    for service in composed(COMPOSE)["services"].values():
        assert re.search(r":v?\d+\.\d+\.\d+|^emstream:", service["image"]), service["image"]
    for service in SERVICES:
        (deployment, *_) = documents(ROOT / "k8s" / "base" / f"{service}.yaml")
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container(service)["securityContext"]["readOnlyRootFilesystem"]


def test_every_deployment_is_probed_limited_and_spared() -> None:
    for service in SERVICES:
        found = container(service)
        assert {"startupProbe", "livenessProbe"} <= found.keys()
        assert {"requests", "limits"} <= found["resources"].keys()
        kinds = [document["kind"] for document in documents(ROOT / "k8s" / "base" / f"{service}.yaml")]
        assert "PodDisruptionBudget" in kinds


def alerts() -> list[dict[str, Any]]:
    (document,) = documents(ROOT / "services" / "deploy" / "alerts.yml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_alerts_come_when_they_should(tmp_path: Path) -> None:
    for path in (ROOT / "services" / "deploy" / "alerts.yml", Path(__file__).with_name("alerts.test.yml")):
        shutil.copy(path, tmp_path)
    told = subprocess.run(
        [tool("promtool"), "test", "rules", "alerts.test.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    (document,) = documents(tmp_path / "alerts.test.yml")
    cases = [case for test in document["tests"] for case in test["alert_rule_test"]]
    for is_expected in (True, False):
        assert {case["alertname"] for case in cases if ("exp_alerts" in case) is is_expected} == {
            rule["alert"] for rule in alerts()
        }


def test_prometheus_takes_its_settings_and_the_alerts(tmp_path: Path) -> None:
    settings = (ROOT / "services" / "deploy" / "prometheus.yml").read_text()
    assert "/etc/prometheus/alerts.yml" in settings
    targets = {config["target"] for config in composed(COMPOSE)["services"]["prometheus"]["configs"]}
    assert "/etc/prometheus/alerts.yml" in targets
    (tmp_path / "key").touch()
    shutil.copy(ROOT / "services" / "deploy" / "alerts.yml", tmp_path)
    here = settings.replace("/etc/prometheus/", f"{tmp_path}/").replace("/run/secrets/metrics_key", f"{tmp_path}/key")
    (tmp_path / "prometheus.yml").write_text(here)
    told = subprocess.run(
        [tool("promtool"), "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_prometheus_understands_what_dashboard_and_autoscaler_ask(tmp_path: Path) -> None:
    board = json.loads((ROOT / "services" / "deploy" / "grafana" / "dashboards" / "emstream.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    (scaled,) = documents(ROOT / "k8s" / "overlays" / "gpu" / "autoscale.yaml")
    asked += [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    assert len(asked) > 5
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    path = tmp_path / "asked.yml"
    path.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))  # JSON is YAML
    told = subprocess.run([tool("promtool"), "check", "rules", path], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_dashboard_autoscaler_and_alerts_ask_for_metrics_that_exist() -> None:
    exposed = set(
        re.findall(
            r'"(emstream_\w+)"', "".join(p.read_text() for p in (ROOT / "services" / "emstream_gateway").rglob("*.py"))
        )
    )
    asked = (ROOT / "services" / "deploy" / "grafana" / "dashboards" / "emstream.json").read_text()
    asked += (ROOT / "k8s" / "overlays" / "gpu" / "autoscale.yaml").read_text()
    asked += "".join(rule["expr"] for rule in alerts())
    used = set(re.findall(r"\bemstream_\w+", asked)) - {"emstream_token"}
    assert used
    assert used <= exposed


def test_kustomize_makes_manifests_that_kubernetes_takes(tmp_path: Path) -> None:
    validate, kubectl = tool("kubernetes-validate"), tool("kubectl")
    overlays = sorted(path.parent for path in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))
    for overlay in overlays:
        made = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        (tmp_path / f"{overlay.name}.yaml").write_text(made.stdout)
    command = [validate, "--strict", "--no-warn", *map(str, tmp_path.iterdir())]  # it does not know KEDA's ScaledObject
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_gpu_pool_goes_to_zero_by_the_ledger_in_words_that_keda_knows() -> None:
    (scaled,) = documents(ROOT / "k8s" / "overlays" / "gpu" / "autoscale.yaml")
    spec = scaled["spec"]
    jsonschema.Draft202012Validator(KEDA_SPEC).validate(spec)
    assert spec["scaleTargetRef"] == {"name": "inference"}
    assert spec["minReplicaCount"] == 0
    (trigger,) = spec["triggers"]
    assert trigger["metadata"].keys() <= KEDA_PROMETHEUS
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert 'stage="inference",state=~"ready|hinted|leased"' in trigger["metadata"]["query"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("coolDownPeriod",), 600),
        (("minReplicaCount",), "0"),
        (("advanced", "horizontalPodAutoscalerConfig", "behavior", "scaledown"), {}),
        (("triggers", 0, "metadata", "threshold"), 12),
    ],
    ids=lambda given: str(given[-1]) if isinstance(given, tuple) else "",
)
def test_what_keda_would_not_take_is_found(path: tuple[str | int, ...], value: object) -> None:
    (scaled,) = documents(ROOT / "k8s" / "overlays" / "gpu" / "autoscale.yaml")
    place: Any = scaled["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not jsonschema.Draft202012Validator(KEDA_SPEC).is_valid(scaled["spec"])


def test_the_dockerfile_has_no_faults() -> None:
    told = subprocess.run([tool("hadolint"), DOCKERFILE], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


def test_all_yaml_is_well_formed() -> None:
    command = [tool("yamllint"), "--strict", str(COMPOSE), str(CPU), "k8s", "services/deploy"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stdout


def test_cloudformation_takes_the_template() -> None:
    told = subprocess.run([tool("cfn-lint"), ROOT / "services" / "deploy" / "aws.yml"], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


def cost_table() -> list[list[str]]:
    """Return the rows of the manual's table of instances."""
    lines = [*(ROOT / "docs" / "deploy" / "aws.md").read_text().splitlines(), ""]
    first = next(number for number, line in enumerate(lines) if line.startswith("| instance |"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first + 2 :]]
    return rows[: rows.index([""])]


def test_the_costs_in_the_manual_follow_from_its_prices_and_rates() -> None:
    window_pixels_per_voxel = (1152 / 1024) ** 2
    rates = {name: float(rate.split(",")[0]) for name, _, _, _, rate, *_ in cost_table() if rate[0].isdigit()}
    costs = {}
    for name, _, vcpus, price, rate, one, four in cost_table():
        if name not in rates:
            assert rate == f"cheaper from {float(price) * rates['c7i.4xlarge'] / 0.714:.0f}"
            continue
        assert rates[name] == pytest.approx(4.1 * int(vcpus) / 2)
        costs[name] = float(price) * 1000 * window_pixels_per_voxel / 3600 / rates[name]
        assert [float(one), float(four)] == [pytest.approx(c, rel=0.02) for c in (costs[name], 4 * costs[name])]
    assert costs


def test_the_template_takes_the_instances_of_the_manual() -> None:
    (allowed,) = re.findall(
        r"AllowedValues:\n((?:      - .*\n)+)", (ROOT / "services" / "deploy" / "aws.yml").read_text()
    )
    assert {row[0] for row in cost_table()} <= set(allowed.split()) - {"-"}


def test_what_the_trial_of_the_images_reads_is_there() -> None:
    """That trial installs packages and is not run by default; what it takes from these files must not go stale."""
    services = images.composition(tool("docker-compose"))["services"]
    assert {services[name]["image"].rpartition(":")[2] for name in images.SERVICES} == {"gateway", "worker", "cpu"}
    assert images.image_environment()
    assert images.health_check()
