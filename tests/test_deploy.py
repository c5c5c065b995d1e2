"""The files in deploy/ are ones that systemd and Docker would take: linted with the real tools, which must be there."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from rag.folders import index_command
from rag.settings import Settings
from server.cli import serve_command
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
HADOLINT = Path(sys.executable).with_name("hadolint")


def test_the_dockerfile_has_no_complaint_of_hadolint() -> None:
    done = subprocess.run([HADOLINT, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_gets_every_package_and_nobody_is_root() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert allowed[0] == "**", "what is not named is left out: indexes, keys, environments"
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {f"!{package}/" for package in packages if "." not in package} <= set(allowed)
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    torch = re.search(r"torch==\S+", text)
    assert torch is not None
    assert torch[0] in (ROOT / "constraints.txt").read_text().split()


def test_kubernetes_takes_the_objects_and_they_set_what_there_is() -> None:
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    known = [found for found in objects if found["kind"] != "RayCluster"]
    for found in known:
        kubernetes_validate.validate(found, "1.37", strict=True)
    kinds = {found["kind"]: found for found in objects}
    assert len(kinds) == len(objects) == 8
    # The Ray cluster is KubeRay's: its schema is not to be had here, its pods' is.
    ray = kinds["RayCluster"]["spec"]
    for group in (ray["headGroupSpec"], *ray["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": group["template"]["spec"]}
        kubernetes_validate.validate(pod, "1.37", strict=True)
    pod = kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    given = {**kinds["ConfigMap"]["data"], **{one["name"]: one["value"] for one in pod["env"]}}
    flags = {name.removeprefix("RAG_").lower(): value for name, value in given.items() if name.startswith("RAG_")}
    settings = Settings.of(flags)
    assert (settings.table, str(settings.copy)) == ("s3://company-index/docs", "/copy/docs")
    job = kinds["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    for container, command in ((pod, serve_command), (job, index_command)):
        name, *words = container["args"]
        assert name == command.name
        command.make_context(name, words)  # refuses what it does not know


@pytest.mark.parametrize(("unit", "name"), [("rag@", "rag@7860"), ("rag-watch", "rag-watch")])
def test_systemd_takes_the_units(unit: str, name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze, "apt install systemd"
    text = (DEPLOY / f"{unit}.service").read_text()
    assert "ExecStart=/opt/rag/bin/rag " in text
    # The only thing that is not on this machine is the program.
    path = tmp_path / f"{name}.service"
    path.write_text(text.replace("/opt/rag/bin/rag", str(Path(sys.executable).with_name("rag"))))
    done = subprocess.run([analyze, "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
