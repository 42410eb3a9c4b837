"""What a cluster gives, and what a lost machine costs: ``python benchmarks/ray_cluster.py BUNDLE FILE``.

Translates the same 20,000 lines (the file, as often as it takes) in one process, on a Ray cluster of two nodes, and on
one that loses a node half-way. The nodes are processes of this machine with a CPU each. The bytes must be the same.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

LINES = 20_000
ROOT = Path(__file__).resolve().parents[1]


def translate(bundle, source, target, *options, cluster=None, lose=None):
    """Runs ``nmt translate`` and returns its seconds; a node is killed when half of the shards are there."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    if cluster is not None:
        environment["RAY_ADDRESS"] = cluster.address
    command = [sys.executable, "-m", "nmt", "translate", str(bundle), str(source), "--output", str(target), *options]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    folder = target.with_name(f".{target.name}.shards")
    while process.poll() is None:
        if lose is not None and len(list(folder.glob(f"{source.name}.*"))) >= LINES // 2_000 // 2:
            print(f"  a node is killed after {time.monotonic() - began:.0f} s", flush=True)
            cluster.remove_node(lose, allow_graceful=False)
            lose = None
        time.sleep(0.05)
    if process.returncode or lose is not None:
        sys.exit(f"nmt translate ended with {process.returncode}{', before a node was killed' if lose else ''}")
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "source"
        lines = islice(cycle(arguments.file.read_bytes().splitlines(keepends=True)), LINES)
        source.write_bytes(b"".join(lines))
        seconds = translate(arguments.bundle, source, folder / "one")
        print(f"one process: {seconds:.0f} s", flush=True)
        node = {"num_cpus": 1, "object_store_memory": 200_000_000}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        other = cluster.add_node(**node)
        try:
            seconds = translate(arguments.bundle, source, folder / "two", "--engine", "ray", cluster=cluster)
            print(f"two nodes: {seconds:.0f} s", flush=True)
            seconds = translate(
                arguments.bundle, source, folder / "lost", "--engine", "ray", cluster=cluster, lose=other
            )
            print(f"two nodes, one is lost: {seconds:.0f} s", flush=True)
        finally:
            cluster.shutdown()
        one, two, lost = ((folder / name).read_bytes() for name in ("one", "two", "lost"))
    print(f"the same bytes, {len(one):,} of them: {one == two} with two nodes, {one == lost} with a lost one")
    return 0 if one == two == lost else 1


if __name__ == "__main__":
    sys.exit(main())
