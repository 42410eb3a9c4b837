"""Training on a Ray cluster: Ray Train starts the workers, tells each who they are, and starts them again.

A worker is a machine of the cluster, or one of its GPUs. Ray's TensorflowTrainer sets ``TF_CONFIG`` in each, and what
follows is what ``nmt run`` does on machines that are started by hand: the chief builds the artifact, the others take
part. When a machine is lost, Ray starts the workers again on those that are left, and training goes on from the last
checkpoint, for N workers compute what one would. So the workspace must be on a file system that all machines see; with
``NMT_STORE`` inputs and the result come and go through the store, and only a lost chief costs its checkpoints.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmt.engine import connect, slots
from nmt.errors import LostWorker, NmtError, UsageError
from nmt.parallel import Processes
from nmt.pipeline.plan import PlannedStage
from nmt.pipeline.run import build_together, print_progress, see
from nmt.pipeline.store import STORE_VARIABLE, Store, take_folder
from nmt.pipeline.workspace import Workspace
from nmt.terminal import load_tensorflow
from nmt.training.workers import Workers

FAILURES = 5
"""How often the workers are started again."""
_LOOKS_SECONDS = 0.5  # between looks for what the chief shows


def train_on_ray(
    planned: PlannedStage,
    workspace: Workspace,
    say: Callable[[str], None],
    processes: Processes = 1,
    *,
    workers: int | None = None,
) -> float:
    """Lets the workers of a cluster build a training, and returns the seconds that it took.

    Args:
        planned: the training.
        workspace: where its inputs are, and where its artifact is then.
        say: shows a line of progress.
        processes: there is nothing for them to do.
        workers: how many train, at most; by default one for each machine, or for each GPU where there are some.

    Raises:
        UsageError: there is no cluster, or it has too little to work with.
        LostWorker: workers were lost too often.
        NmtError: training cannot go on, for a reason of its own.
    """
    began = time.monotonic()
    ray = connect()
    load_tensorflow()  # Ray Train imports it, and would let it speak
    os.environ |= {"RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_TRAIN_ENABLE_PRINT_PATCH": "0"}
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    resources, most = _resources(ray, workers)
    screen = _here(ray, _Screen)
    store, notes = Store.of_environment(), workspace.root.resolve() / "scratch" / f"ray-{planned.digest}"
    trainer = TensorflowTrainer(
        _work,
        train_loop_config={"planned": _absolute(planned), "root": str(workspace.root.resolve()), "screen": screen},
        scaling_config=ScalingConfig(
            num_workers=(1, most),
            use_gpu="GPU" in resources,
            resources_per_worker=resources,
            placement_strategy="SPREAD",
        ),
        run_config=RunConfig(
            name=planned.digest,
            storage_path=store.place.url.rstrip("/") + "/ray" if store else str(notes),  # Ray's own; nothing of ours
            failure_config=FailureConfig(max_failures=FAILURES),
            worker_runtime_env={"env_vars": _variables()},
        ),
    )
    say(f"[{planned.label}] up to {most} workers of a Ray cluster train")
    from nmt.training.distribution import interruptible

    try:
        with _shown(ray, screen):
            interruptible(trainer.fit)  # in a thread, where Ray takes no signal for itself
    except Exception as error:
        raise _explained(error) from error
    finally:
        shutil.rmtree(notes, ignore_errors=True)
        if store:
            store.place.remove("ray", planned.digest)
    if not (store and take_folder(planned.stage.name, planned.digest, workspace, store)):
        see(planned.label, planned.artifact, "the machine that runs the recipe")
    return time.monotonic() - began


def _resources(ray: Any, workers: int | None) -> tuple[dict[str, int], int]:
    """Returns what each worker gets, and the number of workers."""
    found = slots()
    if found["GPU"]:
        return {"GPU": 1, "CPU": 1}, _within(workers, found["GPU"])
    machines = [int(node["Resources"]["CPU"]) for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    wanted = _within(workers, found["CPU"], len(machines))
    return {"CPU": max(1, min(machines) * len(machines) // max(wanted, len(machines)))}, wanted


def _within(workers: int | None, most: int, default: int | None = None) -> int:
    if workers is not None and workers > most:
        raise UsageError(
            f"--workers {workers}: the cluster has not so many to give",
            expected=f"at most {most}, one for each GPU, or CPU where there are no GPUs",
            action="Start more machines, or ask for fewer",
        )
    return workers or default or most


def _variables() -> dict[str, str]:
    """Returns the environment of the workers."""
    names = (STORE_VARIABLE, "NMT_DEVICES", "PYTHONPATH")
    return {"TF_CPP_MIN_LOG_LEVEL": "3"} | {name: os.environ[name] for name in names if name in os.environ}


def _absolute(planned: PlannedStage) -> PlannedStage:
    """Returns the stage as processes with another current folder know it."""
    return replace(
        planned,
        recipe_path=planned.recipe_path.resolve(),
        artifact=planned.artifact.resolve(),
        inputs={label: artifact.resolve() for label, artifact in planned.inputs.items()},
        existed=False,  # what is there once the workers are started again, they have built
    )


def _work(config: dict[str, Any]) -> None:
    """Does the part of one worker, in a process of the cluster that Ray has told who it is."""
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # Ray sets it, for models of Keras 2
    with ExitStack() as stack:
        if Workers.of_environment().is_chief:
            stack.enter_context(redirect_stderr(_Forwarded(config["screen"])))
        build_together(config["planned"], Workspace(Path(config["root"])))


class _Screen:
    """Holds what the chief shows until it is fetched; in a process beside the one that runs the recipe."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, lines: list[str]) -> None:
        self._lines += lines

    def fetch(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines


class _Forwarded(io.TextIOBase):
    """Standard error of the chief: its lines go to a screen."""

    def __init__(self, screen: Any) -> None:
        self._screen, self._begun = screen, ""

    def write(self, text: str) -> int:
        """Sends the lines that end in a text."""
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            self._screen.add.remote(lines)
        return len(text)


def _here(ray: Any, kind: type) -> Any:
    """Makes an actor on this machine, which is not lost unless all is."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    machine = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=machine)(kind).remote()


@contextmanager
def _shown(ray: Any, screen: Any) -> Iterator[None]:
    """Prints what comes to a screen while the block runs."""
    over = threading.Event()

    def show() -> None:
        last = False
        while not last:
            last = over.wait(_LOOKS_SECONDS)
            with suppress(ray.exceptions.RayError):
                for line in ray.get(screen.fetch.remote()):
                    print_progress(line)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _explained(error: Exception) -> NmtError:
    """Returns the error of a worker, where it had one of ours; else one that says how to go on."""
    failures = list(getattr(error, "worker_failures", {}).values())
    found = [
        cause
        for failure in failures
        for cause in (failure, getattr(failure, "_base_exc", None), failure.__cause__)
        if isinstance(cause, NmtError) and not isinstance(cause, LostWorker)
    ]
    if found:
        return found[0]
    reason = next(iter(failures), error)
    return LostWorker(
        f"training on the cluster has ended, after {FAILURES} new starts or for a reason of Ray's",
        received=str(reason).strip().rpartition("\n")[2][:300],
        expected="machines that stay until the end of training",
        action="Look on the machines for the reason. Start training again, on as many machines as you like",
    )
