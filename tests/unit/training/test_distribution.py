"""Training on several replicas computes what training on one does. Two devices are made out of the CPU."""

import json
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

from nmt.dataset import AlignedBatch, Batch
from nmt.errors import LostWorker
from nmt.training import distribution
from nmt.training.distribution import Distribution, share_of
from nmt.training.workers import Workers

VARIANTS = {
    "vocabularies of their own, adamw, scheduled sampling from 0": {
        "model": {"embedding": {"size": 8, "tie": "none"}},
        "training": {"optimizer": "adamw", "scheduled_sampling": 1e-6},
    },
    "layer normalisation, sgd, several batches a step, guided alignment": {
        "model": {"encoder": {"units": 8, "layer_norm": True}},
        "training": {"optimizer": "sgd", "accumulate": 2, "guided_alignment": {"weight": 0.5}},
    },
    "gru, input feeding, coverage, copying": {
        "model": {
            "cell": "gru",
            "decoder": {
                "units": 8,
                "attention": "additive",
                "query": "top",
                "input_feeding": True,
                "coverage": True,
                "copy_source": "pointer_generator",
            },
        },
        "training": {"coverage_loss": 1.0},
    },
}
PROGRAM = """
import json, sys
from types import SimpleNamespace
from nmt.terminal import load_tensorflow
load_tensorflow()
import numpy as np
import tensorflow as tf
from nmt.config import Recipe
from nmt.dataset import AlignedBatch, Batch
from nmt.models.weights import weights_of
from nmt.training.distribution import Distribution, join
from nmt.training.start import untrained_model
from nmt.training.step import TrainStep

def batch_of(generator, rows, guided):
    source, target_out = (generator.integers(4, 30, (rows, steps)).astype(np.int32) for steps in (6, 5))
    for row in range(rows):
        source[row, generator.integers(1, 7):] = 0
        target_out[row, generator.integers(1, 6):] = 0
    shifted = np.concatenate([np.ones((rows, 1), np.int32), target_out[:, :-1]], axis=1)
    batch = Batch(*map(tf.constant, (source, np.where(target_out, shifted, 0).astype(np.int32), target_out)))
    links = tf.constant([[0, -1]] * rows)
    return AlignedBatch(*batch, links) if guided else batch

def losses(distribution, model, training):
    sizes = {"embedding": {"size": 8}, "encoder": {"units": 8}, "decoder": {"units": 8}, "dropout": 0.0}
    recipe = Recipe.model_validate({
        "name": "x", "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
        "model": sizes | model, "training": training,
    })
    side = SimpleNamespace(vocab_size=30)
    with distribution.scope():
        network = untrained_model(recipe, SimpleNamespace(source=side, target=side))
    step = TrainStep(recipe, network, None, distribution)
    generator = np.random.default_rng(1)
    found = []
    for number, rows in enumerate([1, 5, 8, 1], 1):  # of one row, a replica has none
        guided, accumulated = "guided_alignment" in training, training.get("accumulate", 1)
        group = [batch_of(generator, rows, guided) for _ in range(accumulated)]
        result = step.take(group, number, 1e-2)
        found.append([result.loss, result.tokens, result.norm])
    return found + [[float(np.abs(array).sum()) for array in weights_of(network).values()]]

both = join()
assert both.replicas == 2
answers = {}
for name, variant in json.loads(sys.argv[1]).items():
    parts = variant.get("model", {}), variant.get("training", {})
    answers[name] = [losses(distribution, *parts) for distribution in (Distribution(), both)]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers():
    environment = os.environ | {"NMT_DEVICES": "2", "CUDA_VISIBLE_DEVICES": ""}
    arguments = [sys.executable, "-c", PROGRAM, json.dumps(VARIANTS)]
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", VARIANTS)
def test_two_replicas_compute_what_one_does(answers, name):
    one, two = answers[name]
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-5)


def test_shares_have_every_row_once():
    batch = AlignedBatch(*(tf.reshape(tf.range(10), [5, 2]) for _ in range(4)))
    shares = [share_of(batch, replica, 2) for replica in range(2)]
    assert [share.source[:, 0].numpy().tolist() for share in shares] == [[0, 4, 8], [2, 6]]
    assert all(len(side) == len(share.source) for share in shares for side in share)


def test_a_replica_without_a_row_predicts_nothing():
    batch = Batch(*(tf.ones([1, 3], tf.int32) for _ in range(3)))
    share = share_of(batch, 1, 2)
    assert share.source.numpy().tolist() == share.target_in.numpy().tolist() == [[1, 1, 1]]
    assert share.target_out.numpy().tolist() == [[0, 0, 0]]
    aligned = share_of(AlignedBatch(*batch, tf.ones([1, 4], tf.int32)), 1, 2)
    assert aligned.links.numpy().tolist() == [[-1] * 4]


def test_one_device_has_nothing_to_divide():
    alone = Distribution()
    batch = Batch(*(tf.ones([2, 3], tf.int32) for _ in range(3)))
    assert alone.shares(batch) == [(0, batch)]
    assert alone.bytes_from_chief(b"x") == b"x"
    assert alone.any_worker(True)
    assert not alone.any_worker(False)
    alone.refuse_several("nothing")


def test_a_lost_worker_is_named_by_its_port_or_by_tensorflow(monkeypatch):
    workers = Workers(("one:1", "two:2", "three:3"), 0)
    monkeypatch.setattr(distribution, "_GONE_SECONDS", 0.0)
    text = "In Python: ...\nCollective ops is aborted by: The tasks are unhealthy:\n/job:worker/replica:0/task:2\n"
    for unreachable, named in (([1], "worker 1 (two:2) does not"), ([], "worker 2 (three:3) does not")):
        monkeypatch.setattr(Workers, "unreachable", lambda self, gone=unreachable: gone)
        with pytest.raises(LostWorker, match=re.escape(named)) as lost, distribution._explained(workers):
            raise tf.errors.UnavailableError(None, None, text)
        assert lost.value.received == "The tasks are unhealthy"
    with pytest.raises(tf.errors.InvalidArgumentError), distribution._explained(workers):
        raise tf.errors.InvalidArgumentError(None, None, "an error of its own")
