"""How GPUs are prepared before they are first used."""

from __future__ import annotations

import tensorflow as tf


def grow_gpu_memory() -> None:
    """Has TensorFlow take the memory of GPUs as it is needed, not all at once: several programs can share them then.

    Nothing happens where there is none, or where TensorFlow has used one already: then it stays as that program chose.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # it is in use
            return
