"""Where pieces of work are done that do not depend on each other: in this process, or on the machines of a Ray cluster.

A piece of work is a *shard*. What it gives depends on the shard alone, not on who does it, beside what, or how often.

On Ray each shard is a task: Ray gives it to a machine that is free, and gives it to another one when that machine is
lost, so that a lost machine costs the shards that it had in hand. (Ray Data makes streams of tables of its tasks. Here
there is nothing to stream: whoever asks has the shards in hand, and puts away what each gives as soon as it is there.)
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, TypeVar

from nmt.errors import NmtError, UsageError

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = ("local", "ray")
RETRIES = 5
"""How often a shard is done again because the process or the machine that did it was lost."""
_AHEAD = 2  # shards on their way for each that can be worked at: a machine that is done has the next at hand

Kind = Literal["GPU", "CPU"]
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


def in_order_on_ray(work: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
    """Yields what ``work`` makes of each shard on the CPUs of a cluster, in their order; see :func:`map_shards`.

    Raises:
        UsageError, NmtError: as ``map_shards`` raises them.
    """
    with _tasks(work, "CPU") as (ray, start, on_their_way):
        for shard in shards:
            start(shard)
            if len(on_their_way) >= 2 * _AHEAD * slots()["CPU"]:  # the first may be late, and the others wait for it
                yield _first(ray, on_their_way)
        while on_their_way:
            yield _first(ray, on_their_way)


def _first(ray: Any, on_their_way: dict[Any, Any]) -> Any:
    reference = next(iter(on_their_way))
    result = _received(ray, reference)
    del on_their_way[reference]
    return result


def _map_on_ray(work: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[tuple[Shard, Result]]:
    connect()
    kind: Kind = "GPU" if slots()["GPU"] else "CPU"
    remaining = iter(shards)
    with _tasks(work, kind) as (ray, start, on_their_way):
        while True:
            room = _AHEAD * slots()[kind] - len(on_their_way)  # machines come and go
            for shard in islice(remaining, max(room, 0)):
                start(shard)
            if not on_their_way:
                return
            (done,), _ = ray.wait(list(on_their_way), num_returns=1)
            yield on_their_way.pop(done), _received(ray, done)


@contextmanager
def _tasks(work: Any, kind: Kind) -> Iterator[tuple[Any, Callable[[Any], None], dict[Any, Any]]]:
    """Gives Ray, a function that starts the work on a shard, and the shards on their way by their references."""
    ray = connect()
    task = ray.remote(num_cpus=int(kind == "CPU"), num_gpus=int(kind == "GPU"), max_retries=RETRIES)(_do)
    brought = [ray.put(work)]  # in a list: a reference that is an argument by itself is read for each task
    on_their_way: dict[Any, Any] = {}

    def start(shard: Any) -> None:
        on_their_way[task.remote(brought[0].hex(), brought, shard)] = shard

    try:
        yield ray, start, on_their_way
    finally:
        for reference in on_their_way:
            ray.cancel(reference)  # not by force, at which Ray 2.60 can end this process


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
            with _own_signals():
                ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                "the cluster is not to be reached",
                received=str(error).strip().partition("\n")[0],
                expected="a Ray cluster at RAY_ADDRESS, or nothing there for one of this machine alone",
                action="Check RAY_ADDRESS, and whether the cluster has the same version of Ray and of Python",
            ) from error
    return ray


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what this program does on a signal; Ray would print a trace and end the process at once."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def slots() -> dict[Kind, int]:
    """Returns what the connected cluster has now.

    Raises:
        UsageError: it has nothing.
    """
    import ray

    resources = ray.cluster_resources()
    found: dict[Kind, int] = {"GPU": int(resources.get("GPU", 0)), "CPU": int(resources.get("CPU", 0))}
    if not any(found.values()):
        raise UsageError(
            "the cluster has nothing to work with",
            received="machines with neither CPUs nor GPUs for Ray",
            expected="at least one CPU",
            action="Start machines with: ray start --address=HEAD:PORT",
        )
    return found
