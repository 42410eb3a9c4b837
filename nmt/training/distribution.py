"""What a training is divided among: the devices of this machine, or those of several machines.

Every device holds the whole model, a *replica*. Each batch is cut into as many shares; the gradients of the shares are
added up and divided by the number of tokens of the whole batch, so that N replicas compute what one would, up to the
order in which numbers are added. Every replica then changes its own weights, all of them alike.

============================  ========================================================================================
on one machine                all GPUs that TensorFlow sees, else the CPU; ``NMT_DEVICES`` takes so many of them.
                              Without a GPU it makes as many devices out of the CPU, which is of use for tests alone
on several (``TF_CONFIG``)    the GPUs of all workers; a worker without a GPU is one device
============================  ========================================================================================

For a program that starts the workers itself, such as an engine for clusters: set ``TF_CONFIG`` in each process, then
call :func:`configure_devices` before TensorFlow computes anything, :func:`join`, and train;
:meth:`Distribution.explained` turns what TensorFlow says of a lost worker into an error that names it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.dataset import AlignedBatch, Batch
from nmt.errors import LostWorker, UsageError
from nmt.models.devices import grow_gpu_memory
from nmt.training.workers import CLUSTER_VARIABLE, Workers

DEVICES_VARIABLE = "NMT_DEVICES"
_LOOKS_SECONDS = 0.2  # between looks whether the user wants to stop
_GONE_SECONDS = 15.0  # a worker that is gone is noticed after 10 s at most; its port may be open a little longer

AnyBatch = Batch | AlignedBatch
"""What a step is taken on: with links where ``training.guided_alignment`` is on."""
Result = TypeVar("Result")


def configure_devices() -> None:
    """Prepares the devices, once: before TensorFlow computes anything.

    A GPU's memory is taken as it is needed, so that several programs can share it.

    Raises:
        UsageError: ``NMT_DEVICES`` asks for what is not there.
    """
    if _configured:
        return
    _configured.append(True)
    wanted, gpus = _wanted_devices(), tf.config.list_physical_devices("GPU")
    if gpus and wanted:
        if wanted > len(gpus):
            raise _no_devices(f"{wanted}; TensorFlow sees {len(gpus)} GPUs")
        tf.config.set_visible_devices(gpus[:wanted], "GPU")
    grow_gpu_memory()
    if wanted and wanted > 1 and not gpus:
        (cpu,) = tf.config.list_physical_devices("CPU")
        if Workers.of_environment().count > 1:
            raise _no_devices(f"{wanted} and {CLUSTER_VARIABLE}, without a GPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * wanted)


_configured: list[bool] = []


def join(say: Callable[[str], None] | None = None) -> Distribution:
    """Returns what this process trains on, and waits for the other workers where there are some.

    TensorFlow lets a process join its cluster once, before it computes anything: the first call does, and later ones
    return what it gave.

    Args:
        say: shows a line to the person who waits: now and then, who has not come yet.

    Raises:
        LostWorker: another worker has gone again.
        UsageError: this worker cannot open its port.
    """
    if not _joined:
        _joined.append(_join(say or (lambda text: None)))
    return _joined[0]


_joined: list[Distribution] = []


def _join(say: Callable[[str], None]) -> Distribution:
    workers = Workers.of_environment()
    if workers.count > 1:
        workers.meet(say)
        with _explained(workers):
            return Distribution(interruptible(tf.distribute.MultiWorkerMirroredStrategy), workers)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return Distribution()
    return Distribution(tf.distribute.MirroredStrategy([device.name for device in devices]))


class Distribution:
    """Runs functions on all replicas, and lets the workers agree.

    Args:
        strategy: TensorFlow's; None for one device, on which everything is as if there were nothing to divide.
        workers: all processes.

    Attributes:
        workers: all processes.
        replicas: how many there are, those of other workers included.
    """

    def __init__(self, strategy: Any = None, workers: Workers | None = None) -> None:
        self._strategy = strategy
        self.workers = workers or Workers()
        self.replicas: int = 1 if strategy is None else strategy.num_replicas_in_sync
        self._own = self.replicas // self.workers.count  # replicas of this worker
        self._sum: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """Variables that are made inside of it are there on every replica, equal at first."""
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def refuse_several(self, problem: str) -> None:
        """Raises UsageError where there are several replicas.

        Args:
            problem: what cannot be divided among them, and why.
        """
        if self.replicas > 1:
            raise UsageError(
                problem,
                received=f"{self.replicas} devices",
                expected="one",
                action=f"Set {DEVICES_VARIABLE}=1, and leave {CLUSTER_VARIABLE} out",
            )

    def shares(self, batch: AnyBatch) -> list[tuple[int, AnyBatch]]:
        """Returns what each replica of this worker takes of a batch, behind the number of the replica among all."""
        if self._strategy is None:
            return [(0, batch)]
        first = self.workers.index * self._own
        return [(number, share_of(batch, number, self.replicas)) for number in range(first, first + self._own)]

    def function(
        self, body: Callable[..., Any], own: Sequence[tf.TensorSpec], shared: Sequence[tf.TensorSpec] = ()
    ) -> Callable[..., Any]:
        """Makes a graph that runs ``body`` on every replica.

        Args:
            body: a function of its replica's own tensors and of those that all replicas share.
            own, shared: what these are.

        Returns:
            A function of the own tensors of each replica of this worker, one replica after the other, and the shared
            ones; it returns what the first replica returned.
        """
        if self._strategy is None:
            return tf.function(body, input_signature=[*own, *shared])

        def run(*arguments: tf.Tensor) -> Any:
            def of_this_replica() -> Any:
                number = int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
                begin = number % self._own * len(own)
                return body(*arguments[begin : begin + len(own)], *arguments[self._own * len(own) :])

            results = self._strategy.run(of_this_replica)
            return tf.nest.map_structure(lambda part: self._strategy.experimental_local_results(part)[0], results)

        return tf.function(run, input_signature=[*list(own) * self._own, *shared])

    def total(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the sum of each tensor over all replicas; inside of a ``function``."""
        if self._strategy is None:
            return tensors
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors)

    def from_chief(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the chief's array; those of the others have the same shape and type. Waits for all workers."""
        if self.workers.count == 1:
            return array
        own = np.asarray(array, np.float64)  # holds every float32, and every integer that steps are counted by
        return self._sum_of_workers(own if self.workers.is_chief else np.zeros_like(own)).astype(array.dtype)

    def bytes_from_chief(self, content: bytes) -> bytes:
        """Returns the chief's bytes. Waits for all workers."""
        if self.workers.count == 1:
            return content
        size = int(self.from_chief(np.array(len(content))))
        own = np.frombuffer(content, np.uint8) if self.workers.is_chief else np.zeros(size, np.uint8)
        return self.from_chief(own).tobytes()

    def any_worker(self, own: bool) -> bool:
        """Whether something is true of any worker. Waits for all workers."""
        return own if self.workers.count == 1 else bool(self._sum_of_workers(np.array(float(own))) > 0)

    def wait_for_all(self) -> None:
        """Returns when every worker has called it."""
        self.any_worker(False)

    def _sum_of_workers(self, array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self._sum is None:
            # What is summed must be on a device; an argument of a graph is on none.
            everywhere = [tf.TensorSpec(None, tf.float64)]
            self._sum = self.function(lambda value: self.total([tf.identity(value)])[0], everywhere)
        own = tf.constant(array)
        values = [own, *[tf.zeros_like(own)] * (self._own - 1)]  # only one of the worker's replicas speaks for it
        return interruptible(lambda: self._sum(*values).numpy())

    def explained(self) -> AbstractContextManager[None]:
        """Turns what TensorFlow raises inside of it when a worker is lost into a LostWorker that names the worker."""
        return _explained(self.workers)


@contextmanager
def _explained(workers: Workers) -> Iterator[None]:
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        if workers.count == 1 or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        until = time.monotonic() + _GONE_SECONDS
        while not (gone := workers.unreachable()) and time.monotonic() < until:
            time.sleep(1.0)
        if not gone and not isinstance(error, _LOST):
            raise
        reason = _reason(error)
        gone = gone or workers.named_in(reason)
        who = " and ".join(map(workers.name_of, gone)) or "another worker"
        raise LostWorker(
            f"{workers.name}: {who} {'do' if len(gone) > 1 else 'does'} not answer any more, so training cannot go on",
            received=reason.partition("\n")[0].rstrip(":")[:300],
            expected="all workers until the end of training",
            action="Look there for the reason. Start training again, on as many machines as you like",
        ) from error


def _reason(error: Exception) -> str:
    """Returns what TensorFlow says of an error, without the places in the program that it lists first."""
    return str(error).rpartition(_ABORTED)[2].strip()


_ABORTED = "Collective ops is aborted by: "
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


def interruptible(wait: Callable[[], Result]) -> Result:
    """Returns what ``wait`` does, which may take long inside of TensorFlow, where no signal reaches Python."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(wait())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOKS_SECONDS)
    if errors:
        raise errors[0]
    return results[0]


def _wanted_devices() -> int | None:
    """Returns what ``NMT_DEVICES`` says."""
    text = os.environ.get(DEVICES_VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise _no_devices(text)
    return int(text)


def _no_devices(received: str) -> UsageError:
    return UsageError(
        f"{DEVICES_VARIABLE}: so many devices cannot be had",
        received=received,
        expected=f"a number from 1 up: of the GPUs, or of the parts of one CPU without {CLUSTER_VARIABLE}",
        action=f"Leave {DEVICES_VARIABLE} out to train on all GPUs, or on the CPU where there are none",
    )


def share_of(batch: AnyBatch, replica: int, replicas: int) -> AnyBatch:
    """Returns the rows of a batch that a replica takes: every ``replicas``-th, so that all shares are equally long.

    A batch with fewer rows than replicas leaves some without a row of their own. They take its first row, without
    anything to predict: it adds nothing to the sums, and no kernel meets an empty batch.
    """
    if replica < len(batch.source):
        return type(batch)(*(side[replica::replicas] for side in batch))
    first = type(batch)(*(side[:1] for side in batch))
    nothing: Any = first._replace(target_out=tf.zeros_like(first.target_out))
    return nothing._replace(links=-tf.ones_like(nothing.links)) if isinstance(nothing, AlignedBatch) else nothing
