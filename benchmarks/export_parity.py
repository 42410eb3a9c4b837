"""Says of how many lines an exported SavedModel gives the same text as ``nmt translate``.

::

    python benchmarks/export_parity.py BUNDLE FILE

The SavedModel is loaded in a process of its own, which has only tensorflow and tensorflow_text, and is asked in
requests of several sizes. The exit status is 1 where a line differs.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

READER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
import tensorflow_text

folder, source, target, size = sys.argv[1:]
model = tf.saved_model.load(folder)
with open(source, "rb") as stream:
    lines = stream.read().removesuffix(b"\\n").split(b"\\n")
with open(target, "wb") as stream:
    for begin in range(0, len(lines), int(size)):
        for text in model.translate(lines[begin : begin + int(size)])["translation"].numpy():
            stream.write(text + b"\\n")
assert "nmt" not in sys.modules
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 32], help="lines of a request")
    arguments = parser.parse_args()
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        nmt = [sys.executable, "-m", "nmt"]
        subprocess.run([*nmt, "export", arguments.bundle, place / "model"], check=True)
        subprocess.run([*nmt, "translate", arguments.bundle, arguments.file, "-o", place / "expected"], check=True)
        expected = (place / "expected").read_bytes().split(b"\n")
        for size in arguments.sizes:
            reader = [sys.executable, "-I", "-c", READER, place / "model", arguments.file, place / "received"]
            subprocess.run([*reader, str(size)], check=True)
            received = (place / "received").read_bytes().split(b"\n")
            same = sum(ours == theirs for ours, theirs in zip(received[:-1], expected[:-1], strict=True))
            differing += len(expected) - 1 - same
            print(f"requests of {size:,} lines: {same:,} of {len(expected) - 1:,} lines are the same")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
