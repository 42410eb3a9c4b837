"""The search: greedy, beam, diverse beam and sampling.

The search knows no model: it asks a ``step`` function for log-probabilities. It is made of TensorFlow operations with
the same shapes at every step, so it can run inside a compiled graph. An option that is off adds no operation.

At every step each sentence has W live hypotheses and up to W finished ones. The best continuations of the live ones are
compared; the best W that do not end become the next live ones, and those that end and are among the best W of all
compete for the finished places by their score (see :mod:`nmt.decoding.scoring`). A sentence is done when W hypotheses
have finished, or when no live one can still beat the worst finished one that is wanted; then it is frozen, so that its
result does not depend on the sentences beside it, and whenever a quarter of a batch is done, it leaves the batch.

All kinds of search are this one. Greedy search has a beam of one. Diverse beam search has G groups of W hypotheses for
each sentence, each a beam of its own that is told what the groups before it have chosen. Sampling has groups of one
hypothesis, whose only continuation is drawn. A sentence has K = G W hypotheses, and its groups are G rows of R = B G.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.decoding.constraints import Conditions
from nmt.decoding.problem import Hypotheses, Problem
from nmt.decoding.required_phrases import Progress, RequiredPhrases
from nmt.decoding.restrictions import (
    NEVER,
    columns,
    forbid_end,
    forbid_phrases,
    forbid_repeated_ngrams,
    force_prefix,
    penalize_repetition,
)
from nmt.decoding.sampling import draw, hypothesis_seeds
from nmt.decoding.scoring import coverage_penalty, norm
from nmt.decoding_config import DecodingConfig
from nmt.tokenizer import BOS, EOS, PAD

_MANY = 1_000_000  # more phrases than anyone requires: of what has not finished


class SearchState(NamedTuple):
    """Everything that the search carries from step to step; parts that are not needed are empty tuples."""

    time: tf.Tensor  # int32 []: tokens produced so far
    live_tokens: tf.Tensor  # int32 [R, W, L]
    live_scores: tf.Tensor  # float32 [R, W]: log-probabilities, repetitions penalised
    finished_tokens: tf.Tensor  # int32 [R, W, L]: end in EOS where there was room
    finished_scores: tf.Tensor  # float32 [R, W]: best first; -1e9 marks a free place
    finished_log_probabilities: tf.Tensor  # float32 [R, W]: without norm and penalties
    done: tf.Tensor  # bool [R]
    model: Any  # the state of the step function, each tensor [B*K, ...]
    live_log_probabilities: Any = ()  # float32 [R, W]: where they differ from the scores
    coverage: Any = ()  # float32 [R, W, S]: sums of the attention weights
    progress: Any = ()  # Progress: how much of the required phrases the live outputs have
    finished_unmet: Any = ()  # int32 [R, W]: required phrases that the finished ones lack

    @property
    def finished(self) -> Hypotheses:
        """What has finished so far, by row."""
        return Hypotheses(self.finished_tokens, self.finished_scores, self.finished_log_probabilities)


class _Candidates(NamedTuple):
    """C continuations of a row's live hypotheses, the most promising first."""

    scores: tf.Tensor  # float32 [R, C]: log-probabilities, repetitions penalised
    log_probabilities: tf.Tensor  # float32 [R, C]: not penalised
    parents: tf.Tensor  # int32 [R, C]
    tokens: tf.Tensor  # int32 [R, C]


def search(
    problem: Problem,
    config: DecodingConfig,
    wanted: int | None = None,
    seed: tf.Tensor | None = None,
    longest: tf.Tensor | int | None = None,
    shrinks: bool = True,
) -> Hypotheses:
    """Searches for the best outputs of a batch of sentences, or draws outputs.

    Args:
        problem: what to ask, and the limits of each sentence.
        config: the ``decoding`` section; lengths are taken from ``problem``.
        wanted: how many of the K hypotheses must be the best; all by default. Fewer are found earlier.
        seed: int32 [2], in place of that of ``config.sampling``.
        longest: the L of the result; the greatest of ``max_lengths`` by default.
        shrinks: whether sentences leave the batch when they are done. XLA cannot compile a batch that shrinks.
    """
    longest = tf.reduce_max(problem.max_lengths) if longest is None else longest

    def of(problem: Problem) -> _Search:
        return _Search(problem, config, wanted or config.beam_size, seed, longest)

    running = of(problem)
    state = running.begin()
    if not shrinks:
        return running.result(running.run(state, running.unfinished).finished)

    def some_left(places: tf.Tensor, *_: Any) -> tf.Tensor:
        return tf.size(places) > 0

    def until_some_leave(places: tf.Tensor, rows: tuple[Any, ...], state: Any, found: Any) -> tuple[Any, ...]:
        running = of(problem.with_rows(rows))
        state = running.run(SearchState(*state), running.worth_its_size)
        mine = running.of_groups(places)[:, None]
        found = [
            tf.tensor_scatter_nd_update(every, mine, part) for every, part in zip(found, state.finished, strict=True)
        ]
        left = tf.where(tf.logical_not(running.done(state)))[:, 0]
        rows = tf.nest.map_structure(lambda values: tf.gather(values, left), rows)
        return tf.gather(places, left), rows, running.of_sentences(state, left), found

    first = (tf.range(tf.shape(problem.max_lengths)[0]), problem.rows, state, list(state.finished))
    shapes = (tf.TensorShape([None]), _any_rows(problem.rows), running.shapes(state), _any_rows(list(state.finished)))
    shapes[3][0] = running.shapes(state).finished_tokens
    *_, found = tf.while_loop(some_left, until_some_leave, first, shape_invariants=shapes, parallel_iterations=1)
    return running.result(Hypotheses(*found))


class _Search:
    """The steps of a search; the arguments are those of ``search``."""

    def __init__(self, problem: Problem, config: DecodingConfig, wanted: int, seed: Any, longest: Any) -> None:
        self._step, self._first = problem.step, problem.first
        self._never, self._shortlist = problem.never, problem.shortlist
        self._config = config
        self._groups = config.beam_size if config.sampling else config.diversity.groups if config.diversity else 1
        self.width = config.beam_size // self._groups
        self._wanted = min(wanted, self.width)
        self._max_lengths = self._per_group(problem.max_lengths)  # [R]
        self._min_lengths = None if problem.min_lengths is None else self._per_group(problem.min_lengths)
        self._wish: Any = None
        if problem.wish is not None:
            self._wish = problem.wish._replace(words=self._per_group(problem.wish.words))
        self._longest_norm = norm(self._max_lengths, config)
        self._longest, self._memory = longest, problem.memory
        self._rows = tf.shape(self._max_lengths)[0]  # R
        self._mask = self._seeds = None
        self.covers = config.coverage_penalty is not None
        self._stepwise = config.coverage_penalty is not None and config.coverage_penalty.form == "stepwise"
        if self.covers:
            self._mask = self._per_group(problem.mask)  # [R, S]
        asked = Conditions(*(None if isinstance(part, tuple) else self._per_group(part) for part in problem.conditions))
        self._prefix, self._forbidden = asked.prefix, asked.forbidden
        self._required = None if asked.required is None else RequiredPhrases(asked.required)
        # A beam of one has one candidate, which is that of its only parent.
        self._alone = self.width == 1 and self._required is None
        if config.sampling is not None:
            seed = tf.constant([0, config.sampling.seed]) if seed is None else seed
            self._seeds = hypothesis_seeds(seed, problem.seeds, config.beam_size)  # [R, 1]

    def begin(self) -> SearchState:
        """Returns the state before the first step."""
        rows, width = self._rows, self.width
        tokens = tf.fill(tf.stack([rows, width, self._longest]), PAD)
        # All live hypotheses start equal: only the first may be continued, or the beam would hold W copies of it.
        scores = tf.concat([tf.zeros([rows, 1]), tf.fill([rows, width - 1], NEVER)], axis=1)
        free = tf.fill([rows, width], NEVER)
        coverage: Any = ()
        if self.covers:
            coverage = tf.zeros([rows, width, tf.shape(self._mask)[1]])
        return SearchState(
            time=tf.constant(0),
            live_tokens=tokens,
            live_scores=scores,
            finished_tokens=tokens,
            finished_scores=free,
            finished_log_probabilities=free,
            done=tf.zeros([rows], tf.bool),
            model=self._first,
            live_log_probabilities=scores if self._config.repetition_penalty else (),
            coverage=coverage,
            progress=() if self._required is None else self._required.begin(width),
            finished_unmet=() if self._required is None else tf.fill([rows, width], _MANY),
        )

    def run(self, state: SearchState, condition: Callable[..., tf.Tensor]) -> SearchState:
        """Takes steps while ``condition`` holds of the state."""
        return SearchState(
            *tf.while_loop(condition, self.advance, state, shape_invariants=self.shapes(state), parallel_iterations=1)
        )

    def shapes(self, state: SearchState) -> SearchState:
        """Returns the shapes of a state's parts, as far as they are the same at every step."""
        outputs = tf.TensorShape([None, self.width, None])
        shapes = _any_rows(state)._replace(live_tokens=outputs, finished_tokens=outputs)
        return shapes._replace(coverage=outputs) if self.covers else shapes

    def unfinished(self, *fields: Any) -> tf.Tensor:
        """Whether a sentence needs another step."""
        state = SearchState(*fields)
        return tf.logical_and(state.time < self._longest, tf.logical_not(tf.reduce_all(state.done)))

    def worth_its_size(self, *fields: Any) -> tf.Tensor:
        """Whether more than three quarters of the sentences need another step."""
        done = self.done(SearchState(*fields))
        return 4 * tf.reduce_sum(tf.cast(done, tf.int32)) < tf.size(done)

    def done(self, state: SearchState) -> tf.Tensor:
        """Returns which sentences are done, bool [B]."""
        return state.done if self._groups == 1 else tf.reduce_all(tf.reshape(state.done, [-1, self._groups]), axis=1)

    def of_groups(self, places: tf.Tensor) -> tf.Tensor:
        """Returns the rows int32 [R] of sentences at ``places`` [B]."""
        return tf.reshape(places[:, None] * self._groups + tf.range(self._groups, dtype=places.dtype), [-1])

    def of_sentences(self, state: SearchState, places: tf.Tensor) -> SearchState:
        """Returns the state of the sentences at ``places`` alone."""
        rows = self.of_groups(places)
        hypotheses = tf.reshape(rows[:, None] * self.width + tf.range(self.width, dtype=rows.dtype), [-1])
        chosen = tf.nest.map_structure(lambda values: tf.gather(values, rows), state._replace(time=(), model=()))
        model = tf.nest.map_structure(lambda values: tf.gather(values, hypotheses), state.model)
        return chosen._replace(time=state.time, model=model)

    def advance(self, *fields: Any) -> SearchState:
        """Takes one step."""
        state = SearchState(*fields)
        logits, model, coverage = self._ask(state)
        penalty = None
        if self._config.coverage_penalty is not None:
            penalty = coverage_penalty(coverage, self._mask, self._config.coverage_penalty)  # [R, W]
        found = self._candidates(state, logits, penalty)
        length = state.time + 1
        last_chance = (length >= self._max_lengths)[:, None]
        ends = tf.logical_or(found.tokens == EOS, last_chance)  # [R, C]
        outputs = _write(self._of_parents(state.live_tokens, found), found.tokens, state.time)  # [R, C, L]
        progress: Any = ()
        if self._required is not None:
            before = Progress(*(self._of_parents(part, found) for part in state.progress))
            progress = self._required.after(before, found.tokens)
        state = self._finish(state, found, ends, outputs, penalty, progress)

        count = found.tokens.shape[1]
        _, chosen = tf.math.top_k(tf.where(ends, 0, tf.range(count, 0, -1)), self.width)  # [R, W]: the first that go on
        live = _Candidates(*(self._chosen(part, chosen) for part in found))
        live_scores = tf.where(self._chosen(ends, chosen), NEVER, live.scores)
        state = state._replace(
            time=length,
            live_tokens=self._chosen(outputs, chosen),
            live_scores=live_scores,
            model=tf.nest.map_structure(lambda values: self._rows_of_parents(values, live), model),
            live_log_probabilities=live.log_probabilities if self._config.repetition_penalty else (),
            coverage=() if penalty is None else self._of_parents(coverage, live),
            progress=tf.nest.map_structure(lambda part: self._chosen(part, chosen), progress),
        )
        finished = state.finished_scores
        if self._required is not None:
            # What lacks a phrase holds its place only until something better has ended.
            finished = tf.where(state.finished_unmet == 0, finished, NEVER)
        # Log-probabilities only fall from here, and are kindest when divided by the norm of the longest output. A
        # stepwise penalty only grows; a summary one may yet become nothing.
        best = live_scores / self._longest_norm[:, None]
        if penalty is not None and self._stepwise:
            best -= self._of_parents(penalty, live)
        hopeless = tf.reduce_max(best, axis=1) <= finished[:, self._wanted - 1]
        full = finished[:, -1] > NEVER / 2
        return state._replace(done=state.done | hopeless | full | last_chance[:, 0])

    def result(self, found: Hypotheses) -> Hypotheses:
        """Returns the hypotheses of each sentence, from what has finished in each row."""
        if self._groups == 1:
            return found
        beam = self._config.beam_size
        tokens = tf.reshape(found.tokens, tf.stack([-1, beam, self._longest]))
        found = Hypotheses(tokens, *(tf.reshape(part, [-1, beam]) for part in found[1:]))
        if self._config.sampling is not None:
            return found
        found = _sorted(*found)
        # Groups may have found the same output.
        same = tf.reduce_all(found.tokens[:, :, None] == found.tokens[:, None], axis=-1)  # [B, K, K]
        before = tf.linalg.band_part(tf.ones([beam, beam], tf.int32), -1, 0) - tf.eye(beam, dtype=tf.int32)
        again = tf.reduce_any(same & (before > 0), axis=-1)
        return _sorted(found.tokens, tf.where(again, NEVER, found.scores), found.log_probabilities)

    def _ask(self, state: SearchState) -> tuple[tf.Tensor, Any, Any]:
        """Returns the logits [R, W, V] of the next tokens, the model's new state, and the new coverage."""
        last = tf.gather(state.live_tokens, tf.maximum(state.time - 1, 0), axis=2)
        last = tf.where(state.time == 0, BOS, last)  # [R, W]
        if self._groups > 1:
            last = tf.reshape(last, [-1, self._config.beam_size])  # [B, K]
        logits, model, weights = self._step(last, self._memory, state.model)
        coverage: Any = ()
        if self.covers:
            coverage = state.coverage + tf.reshape(weights, tf.shape(state.coverage))
        if self._groups > 1:
            logits = tf.reshape(logits, [-1, self.width, columns(logits)])
        return logits, model, coverage

    def _candidates(self, state: SearchState, logits: tf.Tensor, penalty: tf.Tensor | None) -> _Candidates:
        """Returns the most promising continuations of all live hypotheses."""
        values, log_probabilities, tokens = self._continuations(state, logits)  # [R, W, N]
        scores = values + state.live_scores[:, :, None]
        sums = scores
        if self._config.repetition_penalty:
            sums = log_probabilities + state.live_log_probabilities[:, :, None]
        each = tokens.shape[-1]
        promise = scores
        if penalty is not None and each > 1 and self._stepwise:
            # What the scores would be at an end here, times the norm, which is the same for all.
            promise = scores - (norm(state.time + 1, self._config) * penalty)[:, :, None]
        promise, scores, sums, tokens = (
            tf.reshape(part, [-1, self.width * each]) for part in (promise, scores, sums, tokens)
        )
        if self._alone and each == 1:
            return _Candidates(scores, sums, tf.zeros_like(tokens), tokens)
        # An ended hypothesis takes one candidate from each live one at most: 2W candidates always hold W that go on.
        count = 1 if self._alone else 2 * self.width
        if self._required is not None:
            before = Progress(*(tf.repeat(part, each, axis=1) for part in state.progress))
            chosen = self._required.deal(promise, self._required.after(before, tokens), count)
        elif self._config.diversity is None:
            chosen = tf.math.top_k(promise, count).indices
        else:
            chosen = self._diverse(promise, tokens, state.done, count, self._config.diversity.penalty)
        scores, sums, tokens = (tf.gather(part, chosen, batch_dims=1) for part in (scores, sums, tokens))
        return _Candidates(scores, sums, chosen // each, tokens)

    def _continuations(self, state: SearchState, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the N best continuations of each live hypothesis, [R, W, N].

        These are log-probabilities with repetitions penalised, log-probabilities, and tokens. The best of a hypothesis
        are found before its logits are turned into log-probabilities, which changes no order among them.
        """
        config, masked = self._config, logits
        if self._never:
            masked += tf.reduce_sum(tf.one_hot(self._never, tf.shape(logits)[-1]), axis=0) * NEVER
        allowed = self._restricted(state, masked)
        greatest = None
        if allowed is not masked or config.repetition_penalty or config.sampling:
            greatest = tf.reduce_max(logits, axis=-1, keepdims=True)  # [R, W, 1]
        if config.repetition_penalty:
            normalizer = greatest + tf.math.log(tf.reduce_sum(tf.exp(logits - greatest), axis=-1, keepdims=True))
            allowed = penalize_repetition(allowed, normalizer, state.live_tokens, state.time, config.repetition_penalty)
        if config.sampling is not None:
            tokens = draw(allowed, self._seeds, state.time, config.sampling)
            values = tf.gather(allowed, tokens, batch_dims=2)
        else:
            # With one hypothesis only the best counts. Each token that earlier groups have chosen may leave a place.
            each = (1 if self._alone else 2 * self.width) + (config.beam_size if config.diversity else 0)
            values, tokens = _top_k(allowed, min(each, logits.shape[-1] or each))
        if self._required is not None:
            offered, new = self._required.offered(state.progress, tokens)
            tokens = tf.concat([tokens, offered], axis=-1)
            values = tf.concat([values, tf.where(new, tf.gather(allowed, offered, batch_dims=2), NEVER)], axis=-1)
        if greatest is None:
            others = [logits[:, :, token : token + 1] for token in self._never]
            greatest = reduce(tf.maximum, others, values[:, :, :1])
        rest = tf.math.log(tf.reduce_sum(tf.exp(logits - greatest), axis=-1, keepdims=True))
        log_probabilities = values = values - greatest - rest
        if config.repetition_penalty:
            log_probabilities = tf.gather(logits, tokens, batch_dims=2) - greatest - rest
        if self._shortlist is not None:
            tokens = tf.gather(self._shortlist, tokens)
        return values, log_probabilities, tokens

    def _restricted(self, state: SearchState, masked: tf.Tensor) -> tf.Tensor:
        """Returns logits in which what may not come next is far below all others; ``masked`` where all may."""
        logits = masked
        if self._min_lengths is not None:
            logits = forbid_end(logits, (state.time + 1 < self._min_lengths)[:, None])
        if self._wish is not None:
            logits = self._wish.keep_near(logits, state.live_tokens, self._config.wished_length)
        if self._config.no_repeat_ngram_size is not None:
            logits = forbid_repeated_ngrams(logits, state.live_tokens, state.time, self._config.no_repeat_ngram_size)
        if self._forbidden is not None:
            logits = forbid_phrases(logits, state.live_tokens, state.time, self._forbidden)
        if self._prefix is not None:
            logits = force_prefix(masked, logits, self._prefix, state.time)
        return logits

    def _diverse(self, promise: tf.Tensor, tokens: tf.Tensor, done: tf.Tensor, count: int, penalty: float) -> tf.Tensor:
        """Chooses the candidates [R, C] of each group, which avoids what the groups before it choose at this step.

        The penalty only decides this choice; it does not stay in the scores.
        """
        options = promise.shape[1]
        promise, tokens = (tf.reshape(part, [-1, self._groups, options]) for part in (promise, tokens))
        done = tf.reshape(done, [-1, self._groups])
        earlier = tf.fill([tf.shape(done)[0], 0], PAD)  # [B, X]
        every = []
        for group in range(self._groups):
            same = tokens[:, group, :, None] == earlier[:, None]  # [B, options, X]
            own = promise[:, group] - penalty * tf.reduce_sum(tf.cast(same, tf.float32), axis=-1)
            every.append(tf.math.top_k(own, count).indices)  # [B, C]
            taken = tf.gather(tokens[:, group], every[-1][:, : self.width], batch_dims=1)  # [B, W]
            earlier = tf.concat([earlier, tf.where(done[:, group, None], PAD, taken)], axis=1)
        return tf.reshape(tf.stack(every, axis=1), [-1, count])

    def _finish(
        self,
        state: SearchState,
        found: _Candidates,
        ends: tf.Tensor,
        outputs: tf.Tensor,
        penalty: tf.Tensor | None,
        progress: Any,
    ) -> SearchState:
        """Gives the finished places to the best of what has ended now and before; first to what lacks no phrase."""
        # An end below the best W would have left the beam: with W = 1 it is not what greedy search chooses. Padding of
        # the beam itself (scores far below any real one) must not finish either.
        finishes = ends & (tf.range(found.tokens.shape[1]) < self.width) & (found.scores > NEVER / 2)
        scores = found.scores / norm(state.time + 1, self._config)
        if penalty is not None:
            scores -= self._of_parents(penalty, found)
        if self._wish is not None:
            scores -= self._wish.penalty(outputs, self._config.wished_length)
        all_scores = tf.concat([state.finished_scores, tf.where(finishes, scores, NEVER)], axis=1)  # [R, W + C]
        unmet: Any = None
        if self._required is None:
            scores, best = tf.math.top_k(all_scores, self.width)
        else:
            unmet = tf.where(finishes, self._required.unmet(progress), _MANY)
            unmet = tf.concat([state.finished_unmet, unmet], axis=1)
            _, order = tf.math.top_k(all_scores, all_scores.shape[1])
            # Of equals the first comes first: what lacks as much is in the order of the scores.
            _, best = tf.math.top_k(-tf.gather(unmet, order, batch_dims=1), self.width)
            best = tf.gather(order, best, batch_dims=1)
            scores, unmet = (tf.gather(part, best, batch_dims=1) for part in (all_scores, unmet))
        tokens = tf.gather(tf.concat([state.finished_tokens, outputs], axis=1), best, batch_dims=1)
        all_sums = tf.concat([state.finished_log_probabilities, found.log_probabilities], axis=1)
        sums = tf.gather(all_sums, best, batch_dims=1)
        frozen = state.done[:, None]
        return state._replace(
            finished_tokens=tf.where(frozen[:, :, None], state.finished_tokens, tokens),
            finished_scores=tf.where(frozen, state.finished_scores, scores),
            finished_log_probabilities=tf.where(frozen, state.finished_log_probabilities, sums),
            finished_unmet=() if unmet is None else tf.where(frozen, state.finished_unmet, unmet),
        )

    def _per_group(self, values: Any) -> Any:
        return values if self._groups == 1 else tf.repeat(values, self._groups, axis=0)

    def _of_parents(self, values: tf.Tensor, found: _Candidates) -> tf.Tensor:
        """Returns ``values`` [R, W, ...] of the parent of each candidate; a beam of one has one parent."""
        return values if self._alone else tf.gather(values, found.parents, batch_dims=1)

    def _chosen(self, values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """Returns ``values`` [R, C, ...] of the candidates ``chosen`` [R, W]; a beam of one has one candidate."""
        return values if self._alone else tf.gather(values, chosen, batch_dims=1)

    def _rows_of_parents(self, values: tf.Tensor, live: _Candidates) -> tf.Tensor:
        """Returns ``values`` [B*K, ...] of the parent of each live hypothesis."""
        if self._alone:
            return values
        rows = live.parents + tf.range(self._rows)[:, None] * self.width
        return tf.gather(values, tf.reshape(rows, [-1]))


def _top_k(values: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the greatest ``values`` [R, W, V] and their places, each [R, W, count]."""
    # XLA has a fast form of it for matrices alone, and sorts everything otherwise.
    found = tf.math.top_k(tf.reshape(values, [-1, tf.shape(values)[2]]), count)
    shape = tf.concat([tf.shape(values)[:2], [count]], axis=0)
    return tuple(tf.ensure_shape(tf.reshape(part, shape), [None, values.shape[1], count]) for part in found)


def _any_rows(values: Any) -> Any:
    """Returns the shapes of all ``values``, for any number of rows."""
    # Rows are of one number at every step, but not every operation knows which; nor how many tokens a sentence has.
    return tf.nest.map_structure(lambda value: tf.TensorShape([None, *value.shape[1:]][: value.shape.rank]), values)


def _sorted(tokens: tf.Tensor, scores: tf.Tensor, log_probabilities: tf.Tensor) -> Hypotheses:
    scores, order = tf.math.top_k(scores, scores.shape[1])
    return Hypotheses(tf.gather(tokens, order, batch_dims=1), scores, tf.gather(log_probabilities, order, batch_dims=1))


def _write(outputs: tf.Tensor, tokens: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Puts ``tokens`` [R, C] at position ``time`` of ``outputs`` [R, C, L]."""
    here = tf.range(tf.shape(outputs)[2]) == time
    return tf.where(here, tokens[:, :, None], outputs)
