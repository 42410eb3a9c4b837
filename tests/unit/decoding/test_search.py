"""The search, with a fake step function and exact results."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.problem import Problem
from nmt.decoding.search import search
from nmt.decoding_config import DecodingConfig
from nmt.tokenizer import BOS, EOS, PAD

VOCAB = 6
CHAIN = np.random.default_rng(0).normal(scale=2.0, size=(VOCAB, VOCAB)).astype("float32")
# What a hypothesis attends to depends on its last token.
ATTENTION = np.random.default_rng(1).dirichlet([0.3, 0.3, 0.3], size=VOCAB).astype("float32")


def chain_step(chain=CHAIN, attention=ATTENTION, calls=None):
    """A model whose next token depends on the last one alone; ``calls`` counts its steps."""

    def step(tokens, memory, state):
        if calls is not None:
            calls.assign_add(1)
        return tf.gather(tf.constant(chain), tokens), state, tf.gather(tf.constant(attention), tokens)

    return step


def problem_of(step, max_lengths, config, min_lengths=None):
    batch = len(max_lengths)
    first = [tf.zeros([batch * config.beam_size, 1])]
    shortest = None if min_lengths is None else tf.constant(min_lengths)
    mask = tf.ones([batch, ATTENTION.shape[1]], tf.bool)
    seeds = tf.range(batch)
    return Problem(step, first, tf.constant(max_lengths), (), (), shortest, mask, tf.cast(seeds, tf.uint32))


def run(max_lengths, chain=CHAIN, min_lengths=None, wanted=None, compiled=None, calls=None, **settings):
    config = DecodingConfig.model_validate(settings)
    problem = problem_of(chain_step(chain, calls=calls), max_lengths, config, min_lengths)
    result = tf.function(
        lambda: search(problem, config, wanted, None, max(max_lengths), not compiled), jit_compile=compiled
    )()
    return [part.numpy() for part in result]


def text(tokens):
    """Returns the tokens up to the padding."""
    return [int(token) for token in tokens if token != PAD]


def chain_of(*paths):
    """A model that writes the paths, given as (probability, tokens), and nearly never anything else."""
    chain = np.full((10, 10), -20.0, np.float32)
    for last, token, probability in paths:
        chain[last, token] = math.log(probability)
    return chain


def every_output(max_length, config):
    """All outputs with their scores by the definitions of the papers, best first: they end in EOS or at the limit."""
    log_probabilities = tf.nn.log_softmax(CHAIN).numpy()
    outputs = []
    for length in range(1, max_length + 1):
        for tokens in itertools.product(range(VOCAB), repeat=length):
            if EOS in tokens[:-1] or (tokens[-1] != EOS and length < max_length):
                continue
            score, coverage = 0.0, np.zeros(3)
            for place, (last, token) in enumerate(zip((BOS, *tokens), tokens, strict=False)):
                repeated = config.repetition_penalty if token in tokens[:place] else None
                score += float(log_probabilities[last, token]) * (repeated or 1.0)
                coverage += ATTENTION[last]
            base = length if config.length_normalization == "average" else (5 + length) / 6
            score /= base**config.length_penalty
            if config.coverage_penalty is not None:
                weight = config.coverage_penalty.weight
                if config.coverage_penalty.form == "summary":
                    score += weight * np.log(np.minimum(coverage, 1.0)).sum()
                else:
                    score -= weight * (np.maximum(coverage, 1.0) - 1.0).sum()
            size = config.no_repeat_ngram_size
            ngrams = [tokens[i : i + size] for i in range(length - size + 1)] if size else []
            if len(set(ngrams)) == len(ngrams):
                outputs.append((float(score), tokens))
    return sorted(outputs, reverse=True)


@pytest.mark.parametrize("wanted", [1, None])
@pytest.mark.parametrize(
    "settings",
    [
        {"length_penalty": 0.0},
        {"length_penalty": 0.6},
        {"length_penalty": 1.0},
        {"length_penalty": 0.6, "length_normalization": "wu"},
        {"length_penalty": 2.0, "length_normalization": "wu"},
        {"coverage_penalty": {"weight": 0.5}},
        {"coverage_penalty": {"form": "stepwise", "weight": 0.5}},
        {"coverage_penalty": {"weight": 0.2}, "length_normalization": "wu"},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2},
        {"repetition_penalty": 1.5},
        {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "coverage_penalty": {}, "length_penalty": 0.3},
    ],
    ids=str,
)
def test_a_beam_of_full_width_equals_exhaustive_search(settings, wanted):
    settings = {"beam_size": VOCAB**3, **settings}
    tokens, scores, log_probabilities = run([4], wanted=wanted, **settings)
    chances = tf.nn.log_softmax(CHAIN).numpy()
    for rank, (score, expected) in enumerate(every_output(4, DecodingConfig.model_validate(settings))[: wanted or 3]):
        assert scores[0, rank] == pytest.approx(score, abs=1e-5)
        assert tuple(tokens[0, rank, : len(expected)]) == expected
        # Whatever ranks the outputs, this is what the model says.
        plain = sum(chances[last, token] for last, token in zip((BOS, *expected), expected, strict=False))
        assert log_probabilities[0, rank] == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_takes_the_best_token_at_each_step(seed):
    chain = np.random.default_rng(seed).normal(size=(VOCAB, VOCAB)).astype("float32")
    # The end is always the second best token, until a state is reached in which it is the best.
    chain[:, EOS] = np.sort(chain[:, [token for token in range(VOCAB) if token != EOS]], axis=1)[:, -1] - 0.01
    chain[5, EOS] += 1
    expected, last = [], BOS
    while last != EOS and len(expected) < 8:
        last = int(chain[last].argmax())
        expected.append(last)
    tokens, scores, _ = run([8], chain, beam_size=1)
    assert tokens[0, 0, : len(expected)].tolist() == expected
    log_probabilities = tf.nn.log_softmax(chain).numpy()
    total = sum(log_probabilities[a, b] for a, b in zip((BOS, *expected), expected, strict=False))
    assert scores[0, 0] == pytest.approx(total / len(expected), abs=1e-5)


OPTIONS = [
    {},
    {"length_normalization": "wu"},
    {"coverage_penalty": {"form": "stepwise"}},
    {"coverage_penalty": {}},
    {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3},
    {"beam_size": 4, "diversity": {"groups": 2}},
    {"sampling": {"top_k": 4, "top_p": 0.9, "temperature": 1.5}},
]


@pytest.mark.parametrize("settings", OPTIONS[:-1], ids=str)  # for the last, see test_sampling.py
def test_a_sentence_does_not_depend_on_those_beside_it(settings):
    settings = {"beam_size": 3, **settings}
    limits, shortest = [3, 7, 5], [0, 4, 2]
    together = run(limits, min_lengths=shortest, **settings)
    for row, limit in enumerate(limits):
        tokens, scores, _ = run([limit], min_lengths=shortest[row : row + 1], **settings)
        np.testing.assert_array_equal(together[0][row, :, :limit], tokens[0])
        np.testing.assert_allclose(together[1][row], scores[0], atol=1e-6)


@pytest.mark.parametrize(("beam_size", "settings"), [(1, {}), *((4, settings) for settings in OPTIONS)], ids=str)
def test_what_xla_compiles_gives_the_same(settings, beam_size):
    settings = {"beam_size": beam_size, **settings}
    plain = run([5, 7], min_lengths=[2, 3], **settings)
    compiled = run([5, 7], min_lengths=[2, 3], compiled=True, **settings)
    np.testing.assert_array_equal(compiled[0], plain[0])
    for one, other in zip(compiled[1:], plain[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_hypotheses_differ_and_come_best_first():
    tokens, scores, _ = run([6], beam_size=4)
    assert len({tuple(row) for row in tokens[0].tolist()}) == 4
    assert (np.diff(scores[0]) <= 0).all()


def test_the_state_follows_its_hypothesis():
    """The state adds up the tokens of its own history; the step checks that no other history's state arrives."""
    length = 5
    config = DecodingConfig(beam_size=3, length_penalty=0.0)

    # Scoring by the running sum: the token that continues it most is the better, so a mixed-up state shows.
    def by_sum(tokens, memory, state):
        total = state + tf.reshape(tokens, [-1, 1])
        wanted = tf.reshape(total % VOCAB, tf.shape(tokens))
        return 5.0 * tf.one_hot(wanted, VOCAB) + tf.gather(tf.constant(CHAIN), tokens), total, None

    result = search(Problem(by_sum, tf.zeros([3, 1], tf.int32), tf.constant([length])), config)
    tokens = result.tokens[0, 0].numpy()
    history, score = [BOS], 0.0
    for token in tokens:
        logits = CHAIN[history[-1]] + 5.0 * np.eye(VOCAB)[sum(history) % VOCAB]
        score += float(tf.nn.log_softmax(logits)[token])
        if token == EOS:
            break
        history.append(int(token))
    assert float(result.scores[0, 0]) == pytest.approx(score, abs=1e-4)


# Two outputs: the short one 4, and the long one 5 6 7 8, which is less probable as a whole, and more so per token.
SHORT_OR_LONG = chain_of(
    (BOS, 4, 0.6), (BOS, 5, 0.4), (4, EOS, 0.9), (4, 6, 0.1), (5, 6, 0.9), (6, 7, 0.9), (7, 8, 0.9), (8, EOS, 0.9)
)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"length_penalty": 0.0}, [4, EOS]),
        ({"length_penalty": 1.0}, [5, 6, 7, 8, EOS]),
        ({"length_penalty": 1.0, "length_normalization": "wu"}, [4, EOS]),
        ({"length_penalty": 3.0, "length_normalization": "wu"}, [5, 6, 7, 8, EOS]),
    ],
)
def test_the_norm_decides_between_short_and_long(settings, expected):
    assert text(run([8], SHORT_OR_LONG, beam_size=2, **settings)[0][0, 0]) == expected


@pytest.mark.parametrize(
    ("shortest", "longest", "expected"),
    [(0, 8, [4, EOS]), (2, 8, [4, EOS]), (3, 8, [5, 6, 7, 8, EOS]), (3, 3, [5, 6, 7]), (9, 5, [5, 6, 7, 8, EOS])],
)
def test_outputs_are_neither_too_short_nor_too_long(shortest, longest, expected):
    tokens = run([longest], SHORT_OR_LONG, [min(shortest, longest)], beam_size=2, length_penalty=0.0)[0]
    assert text(tokens[0, 0]) == expected


# 4 5 4 5 4 5 ... for ever, unless it is told to stop at 6.
LOOP = chain_of((BOS, 4, 1.0), (4, 5, 0.9), (4, 6, 0.1), (5, 4, 0.9), (5, 6, 0.1), (6, EOS, 1.0))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [4, 5, 4, 5, 4, 5, 4, 5]),
        ({"no_repeat_ngram_size": 1}, [4, 5, 6, EOS]),
        ({"no_repeat_ngram_size": 2}, [4, 5, 4, 6, EOS]),
        ({"no_repeat_ngram_size": 3}, [4, 5, 4, 5, 6, EOS]),
        ({"no_repeat_ngram_size": 4}, [4, 5, 4, 5, 4, 6, EOS]),
        ({"repetition_penalty": 20.0}, [4, 5, 4, 5, 4, 5, 4, 5]),  # 20 log 0.9 is still above log 0.1
        ({"repetition_penalty": 25.0}, [4, 5, 6, EOS]),
    ],
)
@pytest.mark.parametrize("sampling", [None, {"top_k": 1}])
def test_repetitions_are_forbidden_or_cost(settings, expected, sampling):
    assert text(run([8], LOOP, beam_size=1, sampling=sampling, **settings)[0][0, 0]) == expected


def covering(chain, attention, limits, **settings):
    """Searches with a model whose tokens each attend to one of three source tokens, named by ``attention``."""
    config = DecodingConfig.model_validate({"beam_size": 2, "length_penalty": 0.0, **settings})
    weights = np.zeros((10, 3), np.float32)
    for token, place in attention.items():
        weights[token, place] = 1.0
    problem = problem_of(chain_step(chain, weights), [limits[1]], config, [limits[0]])
    return text(search(problem, config).tokens[0, 0].numpy())


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [(None, [4, 4, 4]), ({"weight": 1.0}, [4, 5, EOS]), ({"form": "stepwise", "weight": 1.0}, [4, 5, EOS])],
)
def test_coverage_decides_between_complete_and_repeated(penalty, expected):
    chain = chain_of((BOS, 4, 1.0), (4, 4, 0.6), (4, 5, 0.3), (4, EOS, 0.1), (5, EOS, 1.0))
    assert covering(chain, {BOS: 0, 4: 1, 5: 2}, (3, 3), coverage_penalty=penalty) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [("summary", [4, 6, EOS]), ("stepwise", [5, 8, EOS])],
)
def test_only_a_stepwise_penalty_keeps_alive_what_the_beam_would_lose(form, expected):
    # Both continuations of 4, which attends to what BOS has attended to, are more probable than those of 5.
    chain = chain_of(
        (BOS, 4, 0.55), (BOS, 5, 0.45), (4, 6, 0.51), (4, 7, 0.49), (5, 8, 0.51), (5, 9, 0.49),
        *((token, EOS, 1.0) for token in (6, 7, 8, 9)),
    )  # fmt: skip
    attention = {BOS: 0, 4: 0, 5: 1, 6: 2, 7: 2, 8: 2, 9: 2}
    assert covering(chain, attention, (0, 4), coverage_penalty={"form": form, "weight": 1.0}) == expected


def test_a_search_for_the_best_alone_ends_early_with_the_same_best():
    calls = tf.Variable(0)
    every = run([30], SHORT_OR_LONG, beam_size=4, length_penalty=0.0, calls=calls)
    steps = int(calls)
    best = run([30], SHORT_OR_LONG, beam_size=4, length_penalty=0.0, calls=calls, wanted=1)
    assert text(best[0][0, 0]) == text(every[0][0, 0]) == [4, EOS]
    # Once 4 has ended, nothing that is less probable already can win.
    assert (steps, int(calls) - steps) == (6, 2)


@pytest.mark.parametrize("penalty", [0.1, 1.0])
def test_groups_avoid_the_tokens_of_those_before(penalty):
    # After BOS: 4 (0.5), 5 (0.3), 6 (0.2); each then ends.
    chain = chain_of((BOS, 4, 0.5), (BOS, 5, 0.3), (BOS, 6, 0.2), *((token, EOS, 1.0) for token in (4, 5, 6)))
    tokens, scores, _ = run([4], chain, beam_size=3, diversity={"groups": 3, "penalty": penalty})
    # log 0.5 - log 0.3 is 0.51: that many nats must the first group's choice cost. Of equal outputs one is left.
    expected = [[4, EOS]] if penalty == 0.1 else [[4, EOS], [5, EOS], [6, EOS]]
    assert [text(row) for row, score in zip(tokens[0], scores[0], strict=True) if score > -1e8] == expected
    assert scores[0, 0] == pytest.approx(math.log(0.5) / 2, abs=1e-4)


def test_a_group_is_a_beam_of_its_own():
    settings = {"beam_size": 4, "diversity": {"groups": 2, "penalty": 1e-6}}
    tokens, scores, _ = run([6], **settings)
    alone, alone_scores, _ = run([6], beam_size=2)
    assert [text(row) for row in tokens[0, :2]] == [text(row) for row in alone[0]]
    np.testing.assert_allclose(scores[0, :2], alone_scores[0], rtol=1e-6)
    assert (scores[0, 2:] < -1e8).all()
