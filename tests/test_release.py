"""What publishes and deploys the images, as far as it can be judged here: nothing of it has run on its hosts.

kubernetes-validate (1.30, strict) accepts the Job, and actionlint the workflows, but for a runner's label that is newer
than the version at hand. Neither is among the developers' packages, so what a change may break is held here.
"""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml
from conftest import REPO

WORKFLOWS = sorted((REPO / ".github/workflows").glob("*.yaml"))


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((REPO / name).read_text()))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_says_when_with_which_rights_and_for_how_long(workflow: Any) -> None:
    tree = yaml.safe_load(workflow.read_text())
    assert set(tree) == {"name", True, "permissions", "jobs"}  # YAML 1.1 takes `on` for true
    assert tree["permissions"]["contents"] == "read"
    for job in tree["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"] and job["steps"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")), step
            assert "${{" not in step.get("run", ""), "what a tag is named must not become a command"


def test_tests_run_on_push_as_ci_runs_them() -> None:
    (tree,) = documents(".github/workflows/test.yaml")
    assert "push" in tree[True] and tree["jobs"]["test"]["steps"][-1] == {"run": ".ci/run"}


def test_a_tag_pushes_both_flavours_with_sbom_and_provenance() -> None:
    (tree,) = documents(".github/workflows/release.yaml")
    job = tree["jobs"]["images"]
    assert tree[True] == {"push": {"tags": ["v*"]}} and tree["permissions"]["packages"] == "write"
    assert job["strategy"]["matrix"]["flavour"] == ["cpu", "cuda"]
    command = job["steps"][-1]["run"]
    assert all(part in command for part in ("--push", "--sbom=true", "--provenance=mode=max", "$FLAVOUR"))
    bake = (REPO / "docker-bake.hcl").read_text()
    for flavour in job["strategy"]["matrix"]["flavour"]:
        group = re.search(rf'^group "{flavour}" .*$', bake, re.MULTILINE)
        assert group and all(f"image-{stage}-stage-{flavour}" in group[0] for stage in ("yolo", "hrn"))


def test_bake_gives_the_dockerfile_the_arguments_that_it_takes() -> None:
    given = re.search(r"^  args .*= \{(.*)\}$", (REPO / "docker-bake.hcl").read_text(), re.MULTILINE)
    taken = set(re.findall(r"^ARG (\w+)", (REPO / "docker/Dockerfile").read_text(), re.MULTILINE))
    ours = {"MOTION_ALONE"}  # a list that stands in two of its parts, and nobody's to give
    assert given and set(re.findall(r"(\w+) =", given[1])) == taken - ours


def test_the_job_runs_yolo_first_then_hrn_on_one_claim() -> None:
    claim, job = documents("deploy/kubernetes-job.yaml")
    assert (claim["kind"], job["kind"], job["apiVersion"]) == ("PersistentVolumeClaim", "Job", "batch/v1")
    pod = job["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["workspace"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (yolo,), (hrn,) = pod["initContainers"], pod["containers"]
    assert pod["restartPolicy"] == "Never" and "--keep_going" in yolo["args"]
    for stage, container in (("yolo", yolo), ("hrn", hrn)):
        assert f"/{stage}-stage:" in container["image"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"workspace": f"/{stage}/custom", "scratch": "/tmp"} and mounts.keys() == volumes.keys()
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_shards_of_a_stage_are_the_indices_of_a_job() -> None:
    claim, *jobs = documents("deploy/kubernetes-shards.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert [job["metadata"]["name"] for job in jobs] == ["yolo-shards", "hrn-shards"]
    assert [job["spec"].get("suspend", False) for job in jobs] == [False, True], "hrn-stage follows all annots"
    for stage, job in zip(("yolo", "hrn"), jobs, strict=True):
        spec = job["spec"]
        assert spec["completionMode"] == "Indexed"
        (container,) = spec["template"]["spec"]["containers"]
        (line,) = container["args"]
        shell = line.replace("exec python -m stage_kit.command.container", "echo")
        shards = [
            subprocess.check_output(["sh", "-c", shell], text=True, env={"JOB_COMPLETION_INDEX": str(index)}).split()
            for index in range(spec["completions"])
        ]
        assert [shard[:3] for shard in shards] == [[f"{stage}-stage", "--workspace", "custom"]] * spec["completions"]
        assert [shard[-1] for shard in shards] == [f"{index}/{len(shards)}" for index in range(1, len(shards) + 1)]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"workspace": f"/{stage}/custom", "scratch": "/tmp"}
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_ray_job_runs_the_version_of_the_lock_on_the_claim_of_the_shards() -> None:
    (job,) = documents("deploy/kuberay-job.yaml")
    claim = documents("deploy/kubernetes-shards.yaml")[0]["metadata"]["name"]
    cluster = job["spec"]["rayClusterSpec"]
    lock = (REPO / "requirements-cluster.lock").read_text()
    assert f"ray=={cluster['rayVersion']} " in lock
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (volume,), (container,) = pod["volumes"], pod["containers"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim
        assert container["volumeMounts"] == [{"name": "workspace", "mountPath": "/workspace"}]
    words = job["spec"]["entrypoint"].split()
    assert words[1:5] == ["run", "--workspace", "/workspace", "--address"]
