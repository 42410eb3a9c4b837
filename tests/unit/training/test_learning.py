"""The parts together learn: sequences of symbols come out reversed, also those that were never seen."""

import random
import signal

import numpy as np
import pytest
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import EncodedCorpus, Sequences
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding_config import DecodingConfig
from nmt.errors import BundleError, NmtError
from nmt.models.layers import matrices_of
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import assign_weights, load_arrays
from nmt.tokenizer import BOS, EOS
from nmt.training.data import TrainingData
from nmt.training.history import TrainingProgress
from nmt.training.loop import Progress, Trainer

SYMBOLS = range(4, 12)
VOCAB = 12


class Vocabulary:
    vocab_size = VOCAB


class Vocabularies:
    source = target = Vocabulary


class Validation:
    """Scores the validations one after the other as a script says; the last score stays."""

    def __init__(self, *scores, fail_at=None):
        self.scores = list(scores) or [0.0]
        self.calls = 0
        self.fail_at = fail_at

    def measure(self, model):
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        return {"valid_loss": 1.0, "bleu": self.scores[min(self.calls, len(self.scores)) - 1], "chrf": 0.0}


def reversals(count, seed, shortest=3, longest=6):
    generator = random.Random(seed)
    rows = [[generator.choice(SYMBOLS) for _ in range(generator.randint(shortest, longest))] for _ in range(count)]
    return [(row, row[::-1]) for row in rows]


def corpus_of(pairs):
    return EncodedCorpus(
        Sequences.of([*source, EOS] for source, _ in pairs),
        Sequences.of([BOS, *target, EOS] for _, target in pairs),
        np.arange(len(pairs)),
    )


def recipe_of(units=8, decoder=None, **training):
    return Recipe.model_validate(
        {
            "name": "reversal",
            "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
            "dataset": {"tokens_per_batch": 256},
            "model": {
                "embedding": {"size": units},
                "encoder": {"units": units},
                "decoder": {"units": units, "attention": "scaled_dot"} | (decoder or {}),
                "dropout": 0.1,
            },
            "training": {"warmup_steps": 10, "learning_rate": 1e-2, "label_smoothing": 0.0, **training},
        }
    )


def trainer(recipe, pairs, validation, scratch, parts=()):
    scratch.mkdir(parents=True, exist_ok=True)
    return Trainer(recipe, Vocabularies, TrainingData(recipe, corpus_of(pairs), parts), validation, scratch)


def run(recipe, pairs, validation, folder, parts=()):
    output = folder / "output"
    output.mkdir(parents=True)
    return trainer(recipe, pairs, validation, folder / "scratch", parts).run(output)


def test_reversal_is_learnt(tmp_path):
    recipe = recipe_of(units=64, max_epochs=4, learning_rate=5e-3, average=0.9)
    pairs = reversals(8000, seed=1)
    # The score grows with every validation, so the last weights are the best.
    result = run(recipe, pairs, Validation(*range(1, 5)), tmp_path)
    model = Seq2Seq(recipe.model, VOCAB, VOCAB)
    assign_weights(model, result.weights)
    seen = {tuple(source) for source, _ in pairs}
    unseen = [(source, target) for source, target in reversals(300, seed=2, shortest=5) if tuple(source) not in seen]
    answers = BatchDecoder(model, DecodingConfig(beam_size=1)).decode_ids([[*source, EOS] for source, _ in unseen])
    right = sum(
        [token for token in answer if token in SYMBOLS] == target
        for answer, (_, target) in zip(answers, unseen, strict=True)
    )
    assert len(unseen) > 200
    assert right >= 0.95 * len(unseen)


@pytest.mark.parametrize("data_type", ["bfloat16", "float16"])
def test_what_mixed_precision_learns_float32_writes_and_goes_on_with(tmp_path, data_type):
    settings = {"units": 32, "max_epochs": 3, "learning_rate": 1e-2}
    mixed, plain = recipe_of(**settings, mixed_precision=data_type), recipe_of(**settings)
    pairs = reversals(5000, seed=1, longest=3)
    with pytest.raises(KeyboardInterrupt):
        run(mixed, pairs, Validation(1.0, 2.0, fail_at=3), tmp_path)
    (tmp_path / "output").rmdir()
    checkpoint = load_arrays(tmp_path / "scratch" / "checkpoint.npz")
    assert {array.dtype.name for name, array in checkpoint.items() if name.startswith("weights/")} == {"float32"}
    # The last of the epochs, in float32.
    weights = run(plain, pairs, Validation(3.0), tmp_path).weights
    answers = []
    for policy in ("float32", f"mixed_{data_type}"):
        with matrices_of(policy):
            model = Seq2Seq(plain.model, VOCAB, VOCAB)
        assign_weights(model, weights)
        decoder = BatchDecoder(model, DecodingConfig(beam_size=1))
        answers.append(decoder.decode_ids([[*source, EOS] for source, _ in pairs[:200]]))
    assert answers[0] == answers[1]
    assert sum(answer[:3] == target for answer, (_, target) in zip(answers[0], pairs, strict=False)) >= 180


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, average):
    recipe = recipe_of(max_epochs=3, checkpoint_every=4, validate_every=6, average=average)
    pairs = reversals(400, seed=1)
    whole = run(recipe, pairs, Validation(1.0, 2.0, 1.5, 3.0), tmp_path / "whole")
    folder = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        run(recipe, pairs, Validation(1.0, 2.0, fail_at=3), folder)
    assert (folder / "scratch" / "checkpoint.npz").is_file()
    (folder / "output").rmdir()
    resumed = run(recipe, pairs, Validation(1.5, 3.0), folder)
    assert resumed.facts == whole.facts
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


@pytest.mark.parametrize("validate_every", [0, 3])
def test_a_signal_is_obeyed_after_the_step_and_a_checkpoint(tmp_path, validate_every):
    class Stopping(Validation):
        def measure(self, model):
            if self.calls == 0:
                signal.raise_signal(signal.SIGTERM)
            return super().measure(model)

    recipe, pairs = (
        recipe_of(max_epochs=2, checkpoint_every=1000, validate_every=validate_every),
        reversals(200, seed=1),
    )
    whole = run(recipe, pairs, Validation(), tmp_path / "whole")
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run(recipe, pairs, Stopping(), folder)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert (folder / "scratch" / "checkpoint.npz").is_file()
    (folder / "output").rmdir()
    resumed = run(recipe, pairs, Validation(), folder)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_a_damaged_checkpoint_is_said_and_removed(tmp_path):
    recipe, pairs = recipe_of(max_epochs=1), reversals(50, seed=1)
    checkpoint = tmp_path / "scratch" / "checkpoint.npz"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(BundleError, match="checkpoint is damaged"):
        run(recipe, pairs, Validation(), tmp_path)
    assert not checkpoint.exists()


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    recipe, pairs = recipe_of(max_epochs=3, checkpoint_every=2), reversals(400, seed=1)
    whole = run(recipe, pairs, Validation(1.0, 2.0, 3.0), tmp_path / "whole")
    folder = tmp_path / "damaged"
    with pytest.raises(KeyboardInterrupt):
        run(recipe, pairs, Validation(1.0, 2.0, fail_at=3), folder)
    last, before = (folder / "scratch" / name for name in ("checkpoint.npz", "checkpoint-before.npz"))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 255
    last.write_bytes(content)
    assert before.is_file()
    (folder / "output").rmdir()
    resumed = run(recipe, pairs, Validation(3.0), folder)
    assert "checkpoint.npz: the checkpoint is damaged and was removed" in capsys.readouterr().err
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path, capsys):
    recipe = recipe_of(max_epochs=3)
    broken = trainer(recipe, reversals(400, seed=1), Validation(), tmp_path / "scratch")
    broken._model.output_bias.assign(np.full(VOCAB, np.nan, np.float32))
    (tmp_path / "output").mkdir()
    with pytest.raises(NmtError, match="5 steps in a row had no finite gradient") as stopped:
        broken.run(tmp_path / "output")
    assert "the weights are not finite" in str(stopped.value)
    assert "step 1 was skipped" in capsys.readouterr().err


def test_a_step_without_a_finite_gradient_changes_nothing_but_the_learning_rate(tmp_path):
    recipe = recipe_of(max_epochs=1)
    healthy = trainer(recipe, reversals(400, seed=1), Validation(), tmp_path / "scratch")
    weights = [weight.numpy() for weight in healthy._step.weights]
    gradients = [tf.zeros_like(weight) for weight in weights]
    norm = healthy._step.optimizer.apply([tf.fill(gradients[0].shape, np.inf), *gradients[1:]], tf.constant(0.1))
    assert not np.isfinite(norm)
    assert int(healthy._step.optimizer.steps) == 0
    for before, weight in zip(weights, healthy._step.weights, strict=True):
        np.testing.assert_array_equal(before, weight)
    progress = Progress(step=7)
    healthy._skip(progress, 1.0, float(norm), TrainingProgress(10))
    assert (progress.skipped, progress.learning_rate_scale) == (1, 0.5)


def test_training_stops_without_improvement_and_keeps_the_best(tmp_path):
    recipe = recipe_of(max_epochs=50, plateau_patience=1, stop_after=3)
    result = run(recipe, reversals(50, seed=1), Validation(1.0, 5.0, 4.0, 3.0, 2.0), tmp_path)
    assert result.facts["best_score"] == 5.0
    assert result.facts["steps"] > result.facts["best_step"]
    rows = (tmp_path / "output" / "history.jsonl").read_text().count("bleu")
    assert rows == 5


def test_what_was_validated_before_coverage_was_switched_on_does_not_count(tmp_path):
    late = {"coverage_after": 3, "coverage_loss": 1.0, "coverage_loss_after": 3}
    covering = {"attention": "additive", "coverage": True}
    recipe = recipe_of(decoder=covering, validate_every=2, checkpoint_every=5, stop_after=1, **late)
    pairs = reversals(400, seed=1)
    # Validated at 2: without it; at 4: hardly with it; from 6 on it counts, and what comes after the best stops.
    result = run(recipe, pairs, Validation(9.0, 8.0, 1.0, 2.0, 1.5), tmp_path / "whole")
    assert (result.facts["best_score"], result.facts["best_step"], result.facts["steps"]) == (2.0, 8, 10)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, pairs, Validation(9.0, 8.0, 1.0, fail_at=4), tmp_path / "broken")
    (tmp_path / "broken" / "output").rmdir()
    resumed = run(recipe, pairs, Validation(1.0, 2.0, 1.5), tmp_path / "broken")  # from step 5
    assert resumed.facts == result.facts
    np.testing.assert_equal(resumed.weights, result.weights)
    # Where training ends before, there is nothing else.
    never = recipe_of(decoder=covering, validate_every=2, max_epochs=1, coverage_after=10_000)
    assert run(never, pairs, Validation(9.0, 8.0), tmp_path / "short").facts["best_score"] == 9.0


def test_batches_can_be_accumulated_and_resumed(tmp_path):
    recipe, pairs = recipe_of(max_epochs=2, checkpoint_every=2, accumulate=3), reversals(400, seed=1)
    whole = run(recipe, pairs, Validation(1.0, 2.0), tmp_path / "whole")
    single = run(recipe_of(max_epochs=2), pairs, Validation(1.0, 2.0), tmp_path / "single")
    assert whole.facts["steps"] == 2 * -(-(single.facts["steps"] // 2) // 3)
    folder = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        run(recipe, pairs, Validation(1.0, fail_at=2), folder)
    (folder / "output").rmdir()
    resumed = run(recipe, pairs, Validation(2.0), folder)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_the_result_can_be_the_mean_of_the_best_steps(tmp_path):
    recipe = recipe_of(max_epochs=4, average_checkpoints=2)
    # The fifth measurement is that of the mean.
    result = run(recipe, reversals(100, seed=1), Validation(1.0, 3.0, 2.0, 0.5, 3.5), tmp_path / "better")
    steps = result.facts["steps"] // 4
    assert result.facts["averaged_steps"] == [2 * steps, 3 * steps]
    assert (result.facts["averaged"], result.facts["averaged_score"], result.facts["best_score"]) == (True, 3.5, 3.0)
    alone = run(recipe, reversals(100, seed=1), Validation(1.0, 3.0, 2.0, 0.5, 2.9), tmp_path / "worse")
    assert alone.facts["averaged"] is False
    assert any((alone.weights[name] != array).any() for name, array in result.weights.items())


def test_a_plateau_can_go_back_to_the_best_weights(tmp_path):
    recipe = recipe_of(max_epochs=3, plateau_patience=1, plateau_restart=True)
    made = trainer(recipe, reversals(100, seed=1), Validation(), tmp_path / "scratch")
    progress = Progress(step=4)
    best = {weight.path: weight.numpy() for weight in made._model.weights}
    progress.candidates = made._candidates.add([], 4, 1.0, best)
    for weight in made._model.weights:
        weight.assign(weight + 1.0)
    made._step.optimizer.steps.assign(9)
    made._step.optimizer.first[0].assign_add(tf.ones_like(made._step.optimizer.first[0]))
    made._reduce(progress)
    assert progress.learning_rate_scale == 0.5
    for weight in made._model.weights:
        np.testing.assert_array_equal(weight.numpy(), best[weight.path])
    assert int(made._step.optimizer.steps) == 0
    assert not made._step.optimizer.first[0].numpy().any()
    np.testing.assert_array_equal(made._averages[0].numpy(), made._step.weights[0].numpy())


def test_a_score_that_is_no_number_is_never_the_best(tmp_path):
    nan = float("nan")
    result = run(recipe_of(max_epochs=3), reversals(50, seed=1), Validation(nan, 1.0, nan), tmp_path / "one")
    assert result.facts["best_score"] == 1.0
    with pytest.raises(NmtError, match="no validation gave a finite loss"):
        run(recipe_of(max_epochs=2), reversals(50, seed=1), Validation(nan), tmp_path / "none")


def test_a_full_disk_leaves_the_checkpoints_as_they_are(tmp_path, monkeypatch):
    recipe, pairs = recipe_of(max_epochs=3, checkpoint_every=2), reversals(400, seed=1)
    whole = run(recipe, pairs, Validation(1.0, 2.0, 3.0), tmp_path / "whole")
    folder = tmp_path / "full"

    class Filling(Validation):
        def measure(self, model):
            if self.calls == 1:
                monkeypatch.setattr("nmt.training.checkpoint.save_arrays", no_space)
            return super().measure(model)

    def no_space(path, arrays):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run(recipe, pairs, Filling(1.0, 2.0), folder)
    monkeypatch.undo()
    (folder / "output").rmdir()
    resumed = run(recipe, pairs, Validation(2.0, 3.0), folder)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


@pytest.mark.parametrize("deterministic", [True, False])
def test_only_deterministic_operations_are_used_unless_the_recipe_says_otherwise(tmp_path, monkeypatch, deterministic):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    trainer(recipe_of(deterministic=deterministic), reversals(10, seed=1), Validation(), tmp_path)
    assert asked == [True] * deterministic
