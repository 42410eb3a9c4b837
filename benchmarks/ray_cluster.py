"""What a cluster gives, and what a lost machine costs: ``python benchmarks/ray_cluster.py BUNDLE FILE``.

Translates the same 20,000 lines (the file, as often as it takes) in one process, on a Ray cluster of two nodes, and on
one that loses a node half-way. The nodes are processes of this machine with a CPU each. The bytes must be the same.

With ``--train`` BUNDLE is a recipe, such as demo: two nodes train it first, and one is killed half-way.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

LINES = 20_000
ROOT = Path(__file__).resolve().parents[1]
NODE = {"num_cpus": 1, "object_store_memory": 200_000_000}
STEP = re.compile(r"step ([\d,]+)/([\d,]+) ")


def nmt(*arguments, cluster=None, **options):
    environment = dict(os.environ) | ({} if cluster is None else {"RAY_ADDRESS": cluster.address})
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **options)


def kill(cluster, node, began):
    print(f"  a node is killed after {time.monotonic() - began:.0f} s", flush=True)
    cluster.remove_node(node, allow_graceful=False)


def translate(bundle, source, target, *options, cluster=None, lose=None):
    """Runs ``nmt translate`` and returns its seconds; a node is killed when half of the shards are there."""
    began = time.monotonic()
    arguments = ("translate", bundle, source, "--output", target, *options)
    process = nmt(*arguments, cluster=cluster, stderr=subprocess.DEVNULL)
    folder = target.with_name(f".{target.name}.shards")
    while process.poll() is None:
        if lose is not None and len(list(folder.glob(f"{source.name}.*"))) >= LINES // 2_000 // 2:
            kill(cluster, lose, began)
            lose = None
        time.sleep(0.05)
    if process.returncode or lose is not None:
        sys.exit(f"nmt translate ended with {process.returncode}{', before a node was killed' if lose else ''}")
    return time.monotonic() - began


def train(recipe, work, cluster, lose):
    """Runs the training of a recipe, kills a node at half of its steps, and returns the bundle."""
    began = time.monotonic()
    arguments = ("run", recipe, "train", "--engine", "ray", "--work", work)
    with nmt(*arguments, cluster=cluster, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "workers that train" in line:
                print(f"  {line.strip()}, after {time.monotonic() - began:.0f} s", flush=True)
            found = STEP.match(line)
            if lose is not None and found and 2 * int(found[1].replace(",", "")) >= int(found[2].replace(",", "")):
                print(f"  {line.strip()}")
                kill(cluster, lose, began)
                lose = None
    if process.returncode or lose is not None:
        sys.exit(f"nmt run ended with {process.returncode}{', before a node was killed' if lose else ''}")
    print(f"training on two nodes, one is lost: {time.monotonic() - began:.0f} s", flush=True)
    return next((work / "artifacts" / "train").glob("*/bundle"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("file", type=Path)
    parser.add_argument("--train", action="store_true", help="BUNDLE is a recipe, which is trained on the cluster")
    arguments = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, bundle = folder / "source", arguments.bundle
        lines = islice(cycle(arguments.file.read_bytes().splitlines(keepends=True)), LINES)
        source.write_bytes(b"".join(lines))
        cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        ray = ("--engine", "ray")
        try:
            if arguments.train:
                bundle = train(bundle, folder / "work", cluster, cluster.add_node(**NODE))
            print(f"one process: {translate(bundle, source, folder / 'one'):.0f} s", flush=True)
            other = cluster.add_node(**NODE)
            seconds = translate(bundle, source, folder / "two", *ray, cluster=cluster)
            print(f"two nodes: {seconds:.0f} s", flush=True)
            seconds = translate(bundle, source, folder / "lost", *ray, cluster=cluster, lose=other)
            print(f"two nodes, one is lost: {seconds:.0f} s", flush=True)
        finally:
            cluster.shutdown()
        one, two, lost = ((folder / name).read_bytes() for name in ("one", "two", "lost"))
    print(f"the same bytes, {len(one):,} of them: {one == two} with two nodes, {one == lost} with a lost one")
    return 0 if one == two == lost else 1


if __name__ == "__main__":
    sys.exit(main())
