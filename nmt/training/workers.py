"""Which machines a training is divided among, as ``TF_CONFIG`` says; without TensorFlow, for those who only ask.

``TF_CONFIG`` is what TensorFlow's own programs read, and what schedulers and Ray set::

    {"cluster": {"worker": ["one:4000", "two:4000"]}, "task": {"type": "worker", "index": 0}}

The process of each machine is a *worker*; the first one is the *chief*, which alone writes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nmt.errors import UsageError

CLUSTER_VARIABLE = "TF_CONFIG"
_TYPES = ("chief", "worker")  # the chief, where the cluster names one, comes first
_ANSWER_SECONDS = 5.0
_LOOKS_SECONDS = 0.2  # between looks for workers that have not come
_TOLD_SECONDS = 20.0  # between messages of who is missing
# What a client of HTTP/2 says first, RFC 9113, section 3.4. TensorFlow's servers are of that kind, and answer it.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_TASK = re.compile(r"/job:(\w+)/replica:\d+/task:(\d+)")  # as TensorFlow's messages call a worker


@dataclass(frozen=True)
class Workers:
    """The workers of a training, and which of them this process is.

    Attributes:
        addresses: host and port of each, the chief's first; empty for a training of one process.
        index: this process's, from 0.
        chief_apart: whether the cluster has a chief beside its workers, which are numbered from 0 there.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    chief_apart: bool = field(default=False, compare=False)

    @property
    def count(self) -> int:
        """The number of workers."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    @property
    def name(self) -> str:
        """This worker as messages call it."""
        return self.name_of(self.index)

    def name_of(self, index: int) -> str:
        """Returns a worker as messages call it."""
        return f"worker {index} ({self.addresses[index]}{', the chief' if index == 0 else ''})"

    def meet(self, say: Callable[[str], None]) -> None:
        """Returns when all workers are there: each opens its port, and looks for the others'.

        TensorFlow waits for the others as well, but hears no signal while it does, and does not say whom it waits for.

        Args:
            say: shows a line to the person who waits: now and then, who has not come yet.

        Raises:
            UsageError: this process cannot open the port that is its own.
        """
        try:
            port = int(self.addresses[self.index].rpartition(":")[2])
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            server = socket.create_server(("", port), family=family, dualstack_ipv6=both)
        except (OSError, OverflowError, ValueError) as error:
            raise UsageError(
                f"{self.name}: its port cannot be opened",
                received=error,
                expected="a free port of this machine",
                action=f"End the program that uses it, or name another one in {CLUSTER_VARIABLE}, on every machine",
            ) from error
        with server:
            told, missing = time.monotonic(), [index for index in range(self.count) if index != self.index]
            while missing := [index for index in missing if not _listens(self.addresses[index])]:
                if time.monotonic() - told > _TOLD_SECONDS:
                    say(f"{self.name} still waits for {' and '.join(map(self.name_of, missing))}")
                    told = time.monotonic()
                time.sleep(_LOOKS_SECONDS)

    def unreachable(self) -> list[int]:
        """Returns the other workers that do not answer any more: gone, or frozen."""
        return [index for index, address in enumerate(self.addresses) if index != self.index and not _answers(address)]

    def named_in(self, text: str) -> list[int]:
        """Returns the other workers that a message of TensorFlow names."""
        found = {int(number) + (self.chief_apart and job == "worker") for job, number in _TASK.findall(text)}
        return sorted(found & set(range(self.count)) - {self.index})

    @classmethod
    def of_environment(cls) -> Workers:
        """Reads ``TF_CONFIG``; a cluster of one worker is a training of one process.

        Raises:
            UsageError: the variable is not what TensorFlow expects, or has tasks that there is no use for.
        """
        text = os.environ.get(CLUSTER_VARIABLE)
        if not text:
            return cls()
        try:
            content = json.loads(text)
            cluster = {str(kind): [str(address) for address in content["cluster"][kind]] for kind in content["cluster"]}
            kind, number = str(content["task"]["type"]), int(content["task"]["index"])
            addresses = [address for each in _TYPES for address in cluster.get(each, [])]
            index = addresses.index(cluster[kind][number])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise _wrong(text) from error
        if set(cluster) - set(_TYPES) or len(cluster.get("chief", [])) > 1 or len(set(addresses)) < len(addresses):
            raise _wrong(text)
        return cls(tuple(addresses), index, "chief" in cluster) if len(addresses) > 1 else cls()


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"{CLUSTER_VARIABLE}: it does not say which machines train",
        received=text if len(text) <= 300 else f"{text[:300]}...",
        expected='{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": NUMBER}}; beside'
        " workers there may be one chief",
        action=f"Set it on every machine, with another index on each; without {CLUSTER_VARIABLE} one machine trains",
    )


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError, ValueError):
        return False
    return True


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS) as connection:
            connection.sendall(_GREETING)
            return bool(connection.recv(1))
    except (OSError, OverflowError, ValueError):
        return False
