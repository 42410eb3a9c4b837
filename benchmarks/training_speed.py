"""Compares the speed of a training step with the machine's matrix product, stock Keras layers and PyTorch's nn.LSTM.

    make bench

All contestants train the same network (bidirectional LSTM encoder, LSTM decoder, dot attention fed to the upper layers,
tied embeddings, label smoothing, gradient clipping, Adam) on the same batches. Each lives in a process of its own and
waits while another is timed; they take turns, and the ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from turns import Contestant, answer_in_turn

CONTESTANTS = ("matrix product", "nmt", "nmt, bfloat16", "Keras layers", "PyTorch")
"""The second of nmt has ``training.mixed_precision: bfloat16``, which only some processors are fast at."""


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2, help="of the encoder, and of the decoder")
    parser.add_argument(
        "--models", nargs="+", default=["512x8000", "256x4000"], metavar="HxV", help="units and embedding x vocabulary"
    )
    parser.add_argument(
        "--shapes", nargs="+", default=["64x16", "32x32"], metavar="BxT", help="pairs per batch x tokens per side"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    figures = {}
    for model, shape in product(options.models, options.shapes):
        options.units, options.vocabulary = map(int, model.split("x"))
        options.batch, options.length = map(int, shape.split("x"))
        if options.contestant:
            return serve(options)
        figures.setdefault(model, {})[shape] = compare(options, model, shape)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def compare(options: argparse.Namespace, model: str, shape: str) -> dict[str, Any]:
    """Starts all contestants on batches of one shape, lets them take turns, prints and returns the figures."""
    chosen = ["--models", model, "--shapes", shape]  # behind this program's own options, which they replace
    workers = {name: Contestant([__file__, *sys.argv[1:], "--contestant", name, *chosen]) for name in CONTESTANTS}
    workers = {name: worker for name, worker in workers.items() if ready(name, worker)}
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(options.rounds):
        for name, worker in workers.items():
            seconds[name].append(worker.ask())
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.leave()
    work = step_flops(options)
    rate = [2 * 1024**3 / value for value in seconds["matrix product"]]
    figures: dict[str, Any] = {"matrix product": {"gflops": statistics.median(rate) / 1e9}}
    tokens = options.batch * options.length
    for name in list(workers)[1:]:
        shares = [work / value / peak for value, peak in zip(seconds[name], rate, strict=True)]
        ratios = [other / own for own, other in zip(seconds["nmt"], seconds[name], strict=True)]
        figures[name] = {
            "milliseconds": statistics.median(seconds[name]) * 1e3,
            "target_tokens_per_second": tokens / statistics.median(seconds[name]),
            "share_of_matrix_product": statistics.median(shares),
            "nmt_is_faster_by": statistics.median(ratios),
        }
    print(f"\n{options.units} units, vocabulary {options.vocabulary:,}")
    print(f"A step of {options.batch} pairs of {options.length} + {options.length} tokens: {work / 1e9:.1f} GFLOP")
    print(f"1024 x 1024 matrix product: {figures['matrix product']['gflops']:.0f} GFLOP/s\n")
    print("| training step | ms | target tokens/s | share of the matrix product's rate | nmt is faster by |")
    print("|---|---:|---:|---:|---:|")
    for name in list(workers)[1:]:
        row = figures[name]
        print(
            f"| {name} | {row['milliseconds']:.0f} | {row['target_tokens_per_second']:,.0f} "
            f"| {row['share_of_matrix_product']:.0%} | {row['nmt_is_faster_by']:.2f} |"
        )
    return figures


def step_flops(options: argparse.Namespace) -> float:
    """Returns the floating-point operations of the matrix products of one step."""
    from nmt.models.seq2seq import Seq2Seq
    from nmt.training.operations import step_operations

    model = Seq2Seq(model_config(options), options.vocabulary, options.vocabulary)
    return step_operations(model, options.batch, options.length, options.length)


def model_config(options: argparse.Namespace) -> Any:
    """Returns the network as the ``model`` section of a recipe."""
    from nmt.model_config import ModelConfig

    shape = {"layers": options.layers, "units": options.units}
    return ModelConfig.model_validate(
        {
            "embedding": {"size": options.units, "tie": "all"},
            "encoder": shape,
            "decoder": {**shape, "attention": "dot"},
            "dropout": 0.2,
        }
    )


def ready(name: str, worker: Contestant) -> bool:
    """Waits until a contestant has warmed up; one whose package is not installed is left out."""
    if worker.ready():
        return True
    print(f"{name}: left out, it could not be started", file=sys.stderr)
    return False


def serve(options: argparse.Namespace) -> None:
    """The process of one contestant: times a few steps whenever it is asked."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    makers = (matrix_product, nmt_step, bfloat16_step, keras_step, torch_step)
    step = dict(zip(CONTESTANTS, makers, strict=True))[options.contestant](options)
    repeats = 20 if options.contestant == "matrix product" else 5
    for _ in range(3):
        step()

    def turn(_: Any) -> float:
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    answer_in_turn(turn)


def random_batch(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Returns random ids: source, target in, target out, each [B, length]."""
    import numpy as np

    shape = (options.batch, options.length)
    ids = np.random.default_rng(1).integers(4, options.vocabulary, size=(3, *shape), dtype=np.int32)
    return ids[0], ids[1], ids[2]


def matrix_product(options: argparse.Namespace) -> Callable[[], Any]:
    """The yardstick: one 1024 x 1024 x 1024 product in single precision by TensorFlow."""
    from nmt.training.operations import matrix_product

    return matrix_product(1024)


def nmt_step(options: argparse.Namespace) -> Callable[[], Any]:
    """This project: its model, loss and optimizer."""
    import tensorflow as tf

    from nmt.config import TrainingConfig
    from nmt.models.seq2seq import Seq2Seq
    from nmt.training.loss import token_losses
    from nmt.training.optimizer import Optimizer

    model = Seq2Seq(model_config(options), options.vocabulary, options.vocabulary)
    weights = [weight.value for weight in model.trainable_weights]
    optimizer = Optimizer(weights, TrainingConfig(gradient_clip=1.0))
    source, target_in, target_out = map(tf.constant, random_batch(options))

    @tf.function
    def step(number: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            output, memory = model.teacher_forced(source, target_in, tf.stack([1, number]))
            total, _, tokens = token_losses(model, output, memory, target_out, 0.1)
            loss = total / tf.cast(tokens, tf.float32)
        optimizer.apply(tape.gradient(loss, weights), tf.constant(1e-3))
        return loss

    number = tf.constant(1)
    return lambda: step(number).numpy()


def bfloat16_step(options: argparse.Namespace) -> Callable[[], Any]:
    """This project with the products of bfloat16 and the weights of float32."""
    from nmt.models.layers import matrices_of

    with matrices_of("mixed_bfloat16"):
        return nmt_step(options)


def keras_step(options: argparse.Namespace) -> Callable[[], Any]:
    """The same network from the layers, the loss and the optimizer that come with Keras."""
    import keras
    import tensorflow as tf

    layers = keras.layers
    units, vocabulary = options.units, options.vocabulary
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedding = layers.Embedding(vocabulary, units)
    memory = layers.Dropout(0.2)(embedding(source))
    states = []
    for layer in range(options.layers):
        if layer:
            memory = layers.Dropout(0.2)(memory)
        direction = layers.LSTM(units // 2, return_sequences=True, return_state=True)
        memory, *parts = layers.Bidirectional(direction)(memory)
        states.append([layers.Concatenate()([parts[0], parts[2]]), layers.Concatenate()([parts[1], parts[3]])])
    outputs = layers.Dropout(0.2)(embedding(target))
    context = None
    for layer in range(options.layers):
        if context is not None:
            outputs = layers.Dropout(0.2)(layers.Concatenate()([outputs, context]))
        outputs = layers.LSTM(units, return_sequences=True)(outputs, initial_state=states[layer])
        if context is None:
            context = layers.Attention()([outputs, memory])
    readout = layers.Dense(units, activation="tanh")(layers.Concatenate()([outputs, context]))
    readout = layers.Dropout(0.2)(readout)
    network = keras.Model([source, target], readout)
    bias = tf.Variable(tf.zeros([vocabulary]))
    weights = [weight.value for weight in network.trainable_weights] + [bias]
    variables = [*network.trainable_variables, keras.Variable(bias)]
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    source_ids, target_in, target_out = map(tf.constant, random_batch(options))
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            result = network([source_ids, target_in], training=True)
            flat = tf.reshape(result, [-1, units])
            logits = tf.matmul(flat, embedding.embeddings, transpose_b=True) + variables[-1].value
            loss = smooth(tf.one_hot(tf.reshape(target_out, [-1]), vocabulary), logits)
        gradients = tape.gradient(loss, [*weights[:-1], variables[-1].value])
        optimizer.apply(gradients, variables)
        return loss

    return lambda: step().numpy()


def torch_step(options: argparse.Namespace) -> Callable[[], Any]:
    """The same network with PyTorch's nn.LSTM."""
    import torch
    from torch import nn

    units, vocabulary, layers = options.units, options.vocabulary, options.layers

    class Network(nn.Module):
        """Encoder and decoder as separate layers, for the attention's context stands between the decoder's."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, units)
            self.encoder = nn.LSTM(units, units // 2, layers, batch_first=True, bidirectional=True, dropout=0.2)
            self.bottom = nn.LSTM(units, units, batch_first=True)
            self.upper = nn.ModuleList(nn.LSTM(2 * units, units, batch_first=True) for _ in range(layers - 1))
            self.readout = nn.Linear(2 * units, units)
            self.bias = nn.Parameter(torch.zeros(vocabulary))
            self.dropout = nn.Dropout(0.2)

        def forward(self, source: Any, target: Any) -> Any:
            memory, (hidden, cell) = self.encoder(self.dropout(self.embedding(source)))
            states = [
                tuple(torch.cat([part[2 * layer], part[2 * layer + 1]], dim=-1)[None] for part in (hidden, cell))
                for layer in range(layers)
            ]
            outputs, _ = self.bottom(self.dropout(self.embedding(target)), states[0])
            context = torch.softmax(outputs @ memory.transpose(1, 2), dim=-1) @ memory
            for layer, state in zip(self.upper, states[1:], strict=True):
                outputs, _ = layer(self.dropout(torch.cat([outputs, context], dim=-1)), state)
            readout = self.dropout(torch.tanh(self.readout(torch.cat([outputs, context], dim=-1))))
            return readout @ self.embedding.weight.T + self.bias

    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    source, target_in, target_out = (torch.from_numpy(ids).long() for ids in random_batch(options))

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        logits = network(source, target_in).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, target_out.flatten(), label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return float(loss)

    return step


if __name__ == "__main__":
    main()
