"""Where pieces of work are done that do not depend on each other: in this process, or on the machines of a Ray cluster.

A piece of work is a *shard*. What it gives depends on the shard alone, not on who does it, beside what, or how often.

On Ray each shard is a task: Ray gives it to a machine that is free, and gives it to another one when that machine is
lost, so that a lost machine costs the shards that it had in hand. (Ray Data makes streams of tables of its tasks. Here
there is nothing to stream: whoever asks has the shards in hand, and puts away what each gives as soon as it is there.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Literal, TypeVar

from nmt.errors import NmtError, UsageError

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = ("local", "ray")
RETRIES = 5
"""How often a shard is done again because the process or the machine that did it was lost."""
_AHEAD = 2  # shards on their way for each that can be worked at: a machine that is done has the next at hand

Shard = TypeVar("Shard")
Result = TypeVar("Result")


def map_shards(
    work: Callable[[Shard], Result], shards: Iterable[Shard], engine: Engine = "local"
) -> Iterator[tuple[Shard, Result]]:
    """Yields each shard with what ``work`` makes of it, as soon as it is there: on a cluster in any order.

    Few shards are held at a time, however many there are.

    Args:
        work: a function, or an object that is called like one. It is brought to each process of a cluster once, by
            pickle, and stays there for further shards: it may keep what is slow to make.
        shards: values that can be pickled.
        engine: ``local`` for this process, ``ray`` for a cluster.

    Raises:
        UsageError: Ray is not installed, or no machine of the cluster has a CPU to lend.
        NmtError: what ``work`` has raised; or a shard was lost too often.
    """
    if engine == "local":
        for shard in shards:
            yield shard, work(shard)
        return
    yield from _map_on_ray(work, shards)


def _map_on_ray(work: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[tuple[Shard, Result]]:
    ray = connect()
    kind, _ = slots()
    options = {"num_cpus": 0 if kind == "GPU" else 1, "num_gpus": 1 if kind == "GPU" else 0, "max_retries": RETRIES}
    task = ray.remote(**options)(_do)
    brought = [ray.put(work)]  # in a list: a reference that is an argument by itself is read for each task
    key = brought[0].hex()
    remaining = iter(shards)
    on_their_way: dict[Any, Shard] = {}
    try:
        while True:
            room = _AHEAD * slots()[1] - len(on_their_way)  # machines come and go
            for shard in islice(remaining, max(room, 0)):
                on_their_way[task.remote(key, brought, shard)] = shard
            if not on_their_way:
                return
            (done,), _ = ray.wait(list(on_their_way), num_returns=1)
            yield on_their_way.pop(done), _received(ray, done)
    finally:
        for reference in on_their_way:
            ray.cancel(reference, force=True)


def _received(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, NmtError) else error from None
    except ray.exceptions.RayError as error:
        raise NmtError(
            f"a shard was lost {RETRIES + 1} times with the process or the machine that did it",
            received=str(error).strip().partition("\n")[0],
            action="Look on the machines of the cluster for the reason, such as too little memory. Then go on",
        ) from error


def _do(key: str, brought: list[Any], shard: Any) -> Any:
    """Does a shard in a process of the cluster; the work stays for the next one."""
    if key not in _works:
        import ray

        # Ray gives a task as many cores as it says; TensorFlow would take all, and so would each process beside it.
        cores = max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1)))
        if not ray.get_gpu_ids():
            os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores))
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        _works.clear()
        _works[key] = ray.get(brought[0])
    return _works[key](shard)


_works: dict[str, Callable[[Any], Any]] = {}


def connect() -> Any:
    """Returns the module ``ray``, connected: to the cluster of ``RAY_ADDRESS``, else to one of this machine.

    Where no cluster runs on this machine, one of this machine alone is started, which ends with the process.

    Raises:
        UsageError: Ray is not installed, or the cluster is not to be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "Ray is not installed", expected="Ray, for --engine ray", action='Install it: pip install "nmt[ray]"'
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                "the cluster is not to be reached",
                received=str(error).strip().partition("\n")[0],
                expected="a Ray cluster at RAY_ADDRESS, or nothing there for one of this machine alone",
                action="Check RAY_ADDRESS, and whether the cluster has the same version of Ray and of Python",
            ) from error
    return ray


def slots() -> tuple[Literal["GPU", "CPU"], int]:
    """Returns what a task of the connected cluster works on, and how many of these the cluster has now.

    Raises:
        UsageError: it has none.
    """
    import ray

    resources = ray.cluster_resources()
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    if not gpus and not cpus:
        raise UsageError(
            "the cluster has nothing to work with",
            received="machines with neither CPUs nor GPUs for Ray",
            expected="at least one CPU",
            action="Start machines with: ray start --address=HEAD:PORT",
        )
    return ("GPU", gpus) if gpus else ("CPU", cpus)
