"""GPUs that are not there are prepared as if they were."""

import tensorflow as tf

from nmt.models.devices import grow_gpu_memory


def test_memory_grows_unless_a_gpu_is_in_use(monkeypatch):
    asked = []

    def set_memory_growth(gpu, grows):
        if gpu == "in use":
            raise RuntimeError
        asked.append((gpu, grows))

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "in use"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", set_memory_growth)
    grow_gpu_memory()
    assert asked == [("first", True)]
