"""A Ray cluster of two nodes, both processes of this machine, and what is left when one is killed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmt.cleaning import TrainingPart, clean_files
from nmt.config import CleaningStep
from nmt.engine import map_shards
from nmt.errors import DataError
from nmt.parallel import Workers

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install 'nmt[ray]'")

NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("NMT_OFFLINE", "1")
        made = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()


def start(*arguments, **options):
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def finish(process):
    output = process.communicate(timeout=500)[0].decode()
    assert process.returncode == 0, output
    return output


def test_a_lost_node_costs_only_its_shards(cluster, tiny_bundle, tmp_path):
    source = tmp_path / "source"
    source.write_text("".join(f"a {'few ' * (line % 3)}\n" for line in range(10_100)))
    options = (tiny_bundle, source, "--beam-size", 1, "--output")
    lost = cluster.add_node(**NODE)
    process = start("translate", *options, tmp_path / "target", "--engine", "ray")
    while not list(tmp_path.glob(".target.shards/source.*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    cluster.remove_node(lost, allow_graceful=False)
    finish(process)
    finish(start("translate", *options, tmp_path / "alone"))
    assert (tmp_path / "target").read_bytes() == (tmp_path / "alone").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "source", "target"]


def losses(folder):
    rows = [
        json.loads(line)
        for path in folder.rglob("history.jsonl")
        for line in path.read_text().split("\n")
        if line[-1:] == "}"
    ]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def test_a_training_that_loses_a_node_is_that_of_one_process(cluster, project):
    settings = ("dropout=0", "max_epochs=20", "validate_every=1000", "checkpoint_every=10", "history_every=1")
    options = [
        part
        for setting in settings
        for part in ("--set", f"{'model' if setting.startswith('dropout') else 'training'}.{setting}")
    ]
    lost = cluster.add_node(**NODE)
    process = start("run", "tiny.yaml", *options, "--engine", "ray", cwd=project.folder)
    while max(losses(project.folder / "work"), default=0) < 25:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    cluster.remove_node(lost, allow_graceful=False)
    output = finish(process)
    assert "up to 2 workers of a Ray cluster train" in output
    finish(start("run", "tiny.yaml", "train", *options, "--work", "alone", cwd=project.folder))
    together, alone = (losses(project.folder / name / "artifacts" / "train") for name in ("work", "alone"))
    assert list(together) == list(alone) == list(range(1, 101))
    assert list(together.values()) == pytest.approx(list(alone.values()), rel=1e-4)
    assert (project.folder / "work" / "runs" / "tiny" / "bundle" / "bundle.json").is_file()
    assert not list((project.folder / "work" / "scratch").glob("ray-*"))


@pytest.fixture
def connected(cluster):
    import ray

    yield
    ray.shutdown()


def test_text_is_cleaned_as_by_one_process(cluster, connected, tmp_path):
    lost = cluster.add_node(**NODE)

    def slow(number):
        time.sleep(0.3 if number % 3 == 0 else 0.0)
        return number * 10

    numbers = Workers(slow, "ray").in_order(range(30))
    assert [next(numbers) for _ in range(5)] == [0, 10, 20, 30, 40]
    cluster.remove_node(lost, allow_graceful=False)
    assert list(numbers) == [number * 10 for number in range(5, 30)]

    files = tmp_path / "a", tmp_path / "b"
    for path in files:
        path.write_text("".join(f"line {number % 50}\n" for number in range(200)))
    steps = [CleaningStep.model_validate({"deduplicate": {"on": "pair"}})]
    for name, processes in (("one", 1), ("cluster", "ray")):
        clean_files([files], [TrainingPart("a", 200)], {}, steps, tmp_path / name, processes, shard_bytes=100)
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "cluster"))
    assert one == other
    assert one["train.source.txt"].count(b"\n") == 50


def test_an_error_of_the_work_arrives_as_it_is(connected):
    def fail(shard):
        raise DataError("what is wrong", received=shard, action="Do this:\n  command")

    with pytest.raises(DataError) as raised:
        list(map_shards(fail, ["x"], "ray"))
    assert str(raised.value) == "what is wrong. Received: x. Do this:\n  command"
