"""What can be said of infra/docker-compose.yml without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "infra" / "docker-compose.yml"
EXAMPLE = ROOT / "infra" / ".env.example"
HOW_TO = ROOT / "docs" / "how-to" / "containers.md"
ONE_SHOT = {"buckets"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services by name."""
    return yaml.safe_load(COMPOSE.read_text())["services"]


def test_the_file_keeps_to_the_compose_specification() -> None:
    """The file is valid against the JSON schema of the compose specification."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [checker, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ports_are_those_of_the_contract_and_open_to_this_machine_only(services: dict[str, Any]) -> None:
    """Host ports are 55432, 19000, 19001, 18000 and 18001, on the loopback address."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port.split(":")[1] for port in ports} == {"55432", "19000", "19001", "18000", "18001"}
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned_and_name_no_registry(services: dict[str, Any]) -> None:
    """Every image has a full version as its tag, and PostgreSQL is 18."""
    images = {name: service["image"] for name, service in services.items()}
    for image in images.values():
        assert re.fullmatch(r"[a-z]+(?:/[a-z]+)?(?:-[a-z]+)*:\d+\.\d+(?:\.\d+)?", image), image
    assert images["postgres"].startswith("postgres:18.")


def test_every_service_is_bounded_and_watched(services: dict[str, Any]) -> None:
    """Every service has 512 MB, and every one that stays has a health check."""
    assert {name: service["mem_limit"] for name, service in services.items()} == dict.fromkeys(services, "512m")
    assert {name for name, service in services.items() if "healthcheck" not in service} == ONE_SHOT


def test_a_service_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    """The target waits for PostgreSQL, the server for the target and for buckets, which wait for the S3 server."""
    waits = {
        name: {other: how["condition"] for other, how in service["depends_on"].items()}
        for name, service in services.items()
        if "depends_on" in service
    }
    assert waits == {
        "buckets": {"s3": "service_healthy"},
        "target": {"postgres": "service_healthy"},
        "server": {"buckets": "service_completed_successfully", "target": "service_healthy"},
    }


def test_every_variable_is_needed_and_in_the_example() -> None:
    """Each variable stops the start when it is not set; .env.example names them all, and has no value for any."""
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text()))
    assert not re.findall(r"(?<!\$)\$\{\w+(?!:\?)[^\w]", COMPOSE.read_text())
    example = [line for line in EXAMPLE.read_text().splitlines() if not line.startswith("#")]
    assert sorted(example) == sorted(f"{name}=" for name in used)
    assert ".env" in (ROOT / "infra" / ".gitignore").read_text().split()


def test_the_how_to_fills_in_the_example(tmp_path: Path) -> None:
    """The line of the how-to gives every secret a random value of its own, in a file that only its owner reads."""
    (line,) = [line.strip() for line in HOW_TO.read_text().splitlines() if "infra/.env.example" in line and ">" in line]
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / ".env.example").write_text(EXAMPLE.read_text())
    subprocess.run(["/bin/sh", "-euc", line], cwd=tmp_path, timeout=30, check=True)
    made = tmp_path / "infra" / ".env"
    values = dict(text.split("=") for text in made.read_text().splitlines())
    assert all(len(value) == 40 for value in values.values())
    assert len(set(values.values())) == len(values) == 5
    assert made.stat().st_mode & 0o777 == 0o600


def test_the_bucket_step_is_a_script_that_a_shell_accepts(services: dict[str, Any]) -> None:
    """The script that creates the buckets parses, and creates the two that the server uses."""
    script = services["buckets"]["command"][0].replace("$$", "$")
    assert subprocess.run(["/bin/sh", "-n", "-c", script], timeout=10, check=False).returncode == 0
    assert "atdm-audit atdm-catalog" in script
