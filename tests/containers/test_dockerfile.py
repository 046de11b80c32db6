"""The images, built without Docker: the Dockerfile's own steps in a clean folder, and what comes out of them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.containers.dockerfile import Build, Stage, instructions

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra" / "docker" / "atdm.Dockerfile"
OUR_OWN = {"atdm_core", "atdm_healthcare", "atdm_server", "atdm", "target_healthcare"}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Stage]:
    """Every stage of the Dockerfile, built."""
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("ATDM_", "TARGET_", "VIRTUAL"))
    }
    # An image's `python` is the one it is named for; here it is the one below this test's environment.
    programs = tmp_path_factory.mktemp("programs")
    (programs / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    outside["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return Build(DOCKERFILE, ROOT, tmp_path_factory.mktemp("images"), outside).run()


@pytest.mark.parametrize(
    ("image", "told"),
    [("server", "atdm-server: set ATDM_API_TOKEN"), ("target", "target-healthcare: TARGET_DATABASE_URL is not set")],
)
def test_an_image_runs_its_program(stages: Mapping[str, Stage], image: str, told: str) -> None:
    """The command of each image starts from the built wheels alone, and says what it needs to be told."""
    stage = stages[image]
    command: list[str] = json.loads(stage.command)
    ended = subprocess.run(
        [str(stage.path(command[0])), *command[1:]],
        cwd=stage.path("."), env=stage.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith(told)


def test_an_image_holds_its_own_distributions_and_no_tools(stages: Mapping[str, Stage]) -> None:
    """The server's image knows no SQL driver, the target's nothing of ATDM, and neither has pip, uv or sources."""
    held = {image: installed(stages[image]) for image in ("server", "target")}
    assert held["server"] & OUR_OWN == {"atdm_core", "atdm_healthcare", "atdm_server"}
    assert held["target"] & OUR_OWN == {"target_healthcare"}
    assert not held["server"] & {"psycopg", "sqlglot"}
    assert not (held["server"] | held["target"]) & {"pip", "uv", "pytest", "moto", "hypothesis"}
    assert [path.name for path in stages["target"].path(".").iterdir()] == ["environment"]


def test_an_image_runs_as_nobody_in_particular(stages: Mapping[str, Stage]) -> None:
    """Both images run as a user that owns nothing, who can still write fixtures."""
    assert {stages[image].user for image in ("server", "target")} == {"10001:10001"}
    fixtures = stages["server"].path(stages["server"].environment["ATDM_FIXTURE_DIR"])
    assert fixtures.stat().st_mode & 0o7777 == 0o1777


def test_every_dependency_is_installed_by_hash(stages: Mapping[str, Stage]) -> None:
    """Every line of the exported requirements has hashes, and every install is by hash or of our own wheels."""
    for stage, name in (("server-environment", "server.txt"), ("target-environment", "target.txt")):
        text = stages[stage].path(name).read_text()
        wanted = re.findall(r"^[a-z0-9-]+==", text, flags=re.MULTILINE)
        assert len(wanted) == len(re.findall(r"^[a-z0-9-]+==.*\\\n +--hash=sha256:", text, flags=re.MULTILINE)) > 10
    installs = [rest for _, rest in instructions(DOCKERFILE.read_text()) if "uv pip install" in rest]
    assert len(installs) == 4
    assert all("--require-hashes" in rest or "--no-index --no-deps" in rest for rest in installs)


def installed(stage: Stage) -> set[str]:
    """The top-level packages of an image's environment."""
    (packages,) = stage.path("environment/lib").glob("python3*/site-packages")
    return {path.name for path in packages.iterdir() if path.is_dir()}
