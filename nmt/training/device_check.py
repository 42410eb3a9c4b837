"""A tiny training step on each device: does it compute, does it compute the same, how long does it take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.models.recurrent import CellLayer, State, cell_layer

_BATCH, _STEPS, _UNITS = 16, 20, 64
_REPEATS = 5


@dataclass(frozen=True)
class DeviceStep:
    """What a device made of the step.

    Attributes:
        device: its name, such as ``CPU:0``.
        cell: of the layer, lstm or gru.
        finite: whether the loss and all gradients are finite.
        difference: the largest difference from the step computed on the CPU one time step after the other, relative to
            the largest value of each array.
        milliseconds: the fastest of a few repetitions, forward and backward.
    """

    device: str
    cell: str
    finite: bool
    difference: float
    milliseconds: float


@dataclass(frozen=True)
class Accelerators:
    """The GPUs that TensorFlow sees, whether it is built with CUDA, and the versions that it was built with, if so.

    ``capabilities`` has NVIDIA's compute capability of each GPU, such as (8, 0).
    """

    gpus: list[str]
    capabilities: list[tuple[int, int]]
    built_with_cuda: bool
    cuda: str
    cudnn: str


def find_accelerators() -> Accelerators:
    """Asks TensorFlow for GPUs."""
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    build = tf.sysconfig.get_build_info()
    return Accelerators(
        [str(detail.get("device_name", "unknown")) for detail in details],
        [tuple(detail.get("compute_capability", (0, 0))) for detail in details],
        bool(tf.test.is_built_with_cuda()),
        str(build.get("cuda_version", "")),
        str(build.get("cudnn_version", "")),
    )


def check_devices() -> list[DeviceStep]:
    """Trains one layer of each cell for one step on the CPU and on every GPU.

    Where there is a GPU the layers run on cuDNN, so the CPU's own rows are then those of the plain loop.
    """
    generator = np.random.default_rng(1)
    inputs = generator.normal(size=(_BATCH, _STEPS, _UNITS)).astype(np.float32)
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    steps = []
    for cell in ("lstm", "gru"):
        shapes = [weight.shape for weight in cell_layer(cell, _UNITS, _UNITS, "shapes").weights]
        weights = [generator.normal(scale=0.1, size=shape).astype(np.float32) for shape in shapes]
        reference, milliseconds = _step(cell, "CPU:0", inputs, weights, whole=False)
        if gpus:
            steps.append(DeviceStep("CPU:0", cell, _finite(reference), 0.0, milliseconds))
        for device in gpus or ["CPU:0"]:
            arrays, milliseconds = _step(cell, device, inputs, weights, whole=True)
            name = device.removeprefix("/device:")
            steps.append(DeviceStep(name, cell, _finite(arrays), _difference(arrays, reference), milliseconds))
    return steps


def _step(cell: str, device: str, inputs: Any, weights: list[Any], whole: bool) -> tuple[list[Any], float]:
    """Returns outputs and gradients, and the milliseconds; ``whole``: by the kernel for whole sequences."""
    with tf.device(device):
        layer = cell_layer(cell, _UNITS, _UNITS, "check")
        for weight, value in zip(layer.weights, weights, strict=True):
            weight.assign(value)
        values = tf.constant(inputs)
        mask = tf.fill([_BATCH, _STEPS], True)

        @tf.function
        def train_step() -> list[tf.Tensor]:
            with tf.device(device):
                with tf.GradientTape() as tape:
                    state = layer.zero_state(_BATCH)
                    outputs = layer.sequence(values, mask, state)[0] if whole else _one_by_one(layer, values, state)
                    loss = tf.reduce_mean(tf.square(outputs))
                return [outputs, *tape.gradient(loss, layer.trainable_variables)]

        fastest = float("inf")
        for _ in range(1 + _REPEATS):  # the first one traces
            began = time.perf_counter()
            arrays = [np.asarray(array) for array in train_step()]
            fastest = min(fastest, time.perf_counter() - began)
    return arrays, 1000 * fastest


def _one_by_one(layer: CellLayer, values: tf.Tensor, state: State) -> tf.Tensor:
    """Returns the outputs [B, T, H] of ``values`` [B, T, I], step after step."""
    outputs = []
    for step in range(_STEPS):
        state = layer.step(layer.project(values[:, step]), state)
        outputs.append(state.hidden)
    return tf.stack(outputs, axis=1)


def _finite(arrays: list[Any]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


def _difference(arrays: list[Any], reference: list[Any]) -> float:
    pairs = zip(arrays, reference, strict=True)
    return max(float(np.abs(own - other).max() / max(np.abs(other).max(), 1e-30)) for own, other in pairs)
