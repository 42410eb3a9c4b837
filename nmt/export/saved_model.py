"""The SavedModel: the whole way from text to text as one graph, with the same search as ``nmt translate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nmt.bundle import Bundle
from nmt.cleaning.normalize import normalizer_of
from nmt.decoding.decoder import projection_variables, search_problem
from nmt.decoding.restrictions import NEVER
from nmt.decoding.search import search
from nmt.decoding.translate import Translator
from nmt.decoding.wished_length import WordStarts
from nmt.decoding_config import DecodingConfig
from nmt.export.long_input import GraphLongInput, join
from nmt.export.text import GraphText
from nmt.tokenizer import PAD

OPTIONS = ("length_penalty", "max_length_ratio", "max_length_extra", "max_output_tokens")
"""Settings of decoding that are inputs of the graph, with defaults; all others are fixed when it is made."""


class Found(NamedTuple):
    """The best translations of some texts, best first; no text and a score of -1e9 where the search found fewer."""

    texts: tf.Tensor  # string [N, K]
    scores: tf.Tensor  # float32 [N, K]


class FoundParts(NamedTuple):
    """The same for parts of texts, with what it takes to join them."""

    texts: tf.Tensor  # string [P, K]
    scores: tf.Tensor  # float32 [P, K]
    lengths: tf.Tensor  # int32 [P, K]: tokens, EOS counted


class TextGraph:
    """Text to text in TensorFlow operations: normalisation, tokenizer, model and search.

    Texts are sorted by length into batches, as :class:`nmt.decoding.decoder.BatchDecoder` sorts them.

    Args:
        translator: what is to be done.
    """

    def __init__(self, translator: Translator) -> None:
        bundle = translator.bundle
        self._model = translator.voters
        self._config = translator.config
        self._text = GraphText(normalizer_of(bundle.recipe.cleaning), bundle.tokenizers)
        self._shortlist: _Shortlist | None = None
        if self._config.shortlist is not None:
            self._shortlist = _Shortlist(bundle, self._config.shortlist)
        self._word_starts = WordStarts.of(translator.bundle.tokenizers) if translator.config.wished_length else None
        self._long = GraphLongInput(translator.long_input.mode, translator.long_input.limit, self._text)
        self._projections = projection_variables(self._model) if self._config.project_tokens else None

    def module(self) -> tf.Module:
        """Returns what the functions read: the variables and the tokenizers."""
        module = tf.Module()
        models = getattr(self._model, "models", [self._model])
        # A Keras layer would bring more of itself than its variables.
        module.weights = [weight.value for model in models for weight in model.weights]
        module.products = [part for part in tf.nest.flatten(self._projections) if part is not None]
        module.candidates = None if self._shortlist is None else self._shortlist.candidates
        module.tokenizers = self._text.resources
        return module

    def functions(self) -> dict[str, Any]:
        """Returns the functions of the graph by name.

        Each takes ``text`` string [N] and ``OPTIONS``. ``translate``, and ``greedy`` with a beam of one, return the
        best ``translation`` string [N] and its ``score`` float32 [N]; ``n_best`` returns ``translations`` string [N, K]
        and ``scores`` float32 [N, K] as in :class:`Found`. ``greedy`` is left out where it would be ``translate``, and
        where outputs are drawn.
        """
        config = self._config
        functions = {"translate": self._function(config, 1), "n_best": self._function(config, None)}
        if config.sampling is None and config.beam_size > 1:
            functions["greedy"] = self._function(config.with_beam(1), 1)
        return functions

    def _function(self, config: DecodingConfig, wanted: int | None) -> Any:
        """Returns a function that gives the best translation, or all of the beam where ``wanted`` is None."""

        def translate(
            text: tf.Tensor,
            length_penalty: tf.Tensor = tf.constant(config.length_penalty),  # noqa: B008
            max_length_ratio: tf.Tensor = tf.constant(config.max_length_ratio),  # noqa: B008
            max_length_extra: tf.Tensor = tf.constant(config.max_length_extra),  # noqa: B008
            max_output_tokens: tf.Tensor = tf.constant(config.max_output_tokens),  # noqa: B008
        ) -> dict[str, tf.Tensor]:
            options = length_penalty, max_length_ratio, max_length_extra, max_output_tokens
            tf.debugging.assert_positive(max_output_tokens, "max_output_tokens must be positive")
            found = self._translate(text, config.model_copy(update=dict(zip(OPTIONS, options, strict=True))), wanted)
            if wanted is None:
                return {"translations": found.texts, "scores": found.scores}
            return {"translation": found.texts[:, 0], "score": found.scores[:, 0]}

        options = [tf.TensorSpec([], tf.constant(getattr(config, name)).dtype, name) for name in OPTIONS]
        return tf.function(
            translate, input_signature=[tf.TensorSpec([None], tf.string, "text"), *options], autograph=False
        )

    def _translate(self, texts: tf.Tensor, config: DecodingConfig, wanted: int | None) -> Found:
        """Translates texts [N]; a blank one is answered by one blank translation with a score of 0."""
        normalized = self._text.normalize(texts)
        blank = self._text.is_blank(normalized)
        filled = tf.where(tf.logical_not(blank))[:, 0]
        parts = self._long.divide(tf.gather(normalized, filled))
        found = Found(*join(parts, *self._search(self._text.encode(parts.texts), config, wanted), tf.size(filled)))
        shape = tf.stack([tf.size(texts), wanted or config.beam_size])
        first = tf.cast(blank, tf.float32)[:, None] * tf.one_hot(0, shape[1])
        every = Found(tf.fill(shape, ""), (1.0 - first) * NEVER)
        return _with_rows(every, filled, found)

    def _search(self, sources: tf.RaggedTensor, config: DecodingConfig, wanted: int | None) -> FoundParts:
        """Translates ids [P, S]."""
        lengths = sources.row_lengths()
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        count = tf.size(order)
        width = wanted or config.beam_size

        def some_left(begin: tf.Tensor, _: Any) -> tf.Tensor:
            return begin < count

        def translate_batch(begin: tf.Tensor, every: FoundParts) -> tuple[tf.Tensor, FoundParts]:
            longest = tf.cast(lengths[order[begin]], tf.int32)
            rows = order[begin : begin + tf.maximum(1, config.tokens_per_batch // config.beam_size // longest)]
            batch = tf.gather(sources, rows).to_tensor()
            shortlist = None if self._shortlist is None else self._shortlist.of(batch, 4 * config.beam_size)
            problem = search_problem(
                self._model, batch, config, self._projections, shortlist=shortlist, word_starts=self._word_starts
            )
            found = search(problem, config, wanted)
            tokens, scores = found.tokens[:, :width], found.scores[:, :width]
            sizes = tf.reduce_sum(tf.cast(tokens != PAD, tf.int32), axis=2)
            texts = tf.where(scores > NEVER / 2, self._text.decode(tokens), "")
            return begin + tf.size(rows), _with_rows(every, rows, FoundParts(texts, scores, sizes))

        nothing = FoundParts(*(tf.fill([count, width], value) for value in ("", NEVER, 0)))
        shapes = (tf.TensorShape([]), FoundParts(*[tf.TensorShape([None, width])] * 3))
        _, every = tf.while_loop(
            some_left, translate_batch, (0, nothing), shape_invariants=shapes, parallel_iterations=1
        )
        return every


class _Shortlist:
    """The tokens that outputs of a batch are made of, as :class:`nmt.lexical_table.LexicalTable` has them."""

    def __init__(self, bundle: Bundle, per_token: int) -> None:
        table: Any = bundle.lexical_table  # the translator has refused a bundle without one
        self.candidates = tf.Variable(table.candidates[:, :per_token], trainable=False)
        self._always = table.shortlist(np.array([], np.int32), per_token)
        self._vocab_size = bundle.tokenizers.target.vocab_size

    def of(self, source: tf.Tensor, fewest: int) -> tf.Tensor:
        """Returns int32 [V'] for ids [B, S], ascending; all tokens where there would be fewer than ``fewest``."""
        candidates = tf.gather(self.candidates, source)
        tokens = tf.concat([tf.reshape(candidates, [-1]), self._always], axis=0)
        chosen = tf.scatter_nd(tokens[:, None], tf.ones_like(tokens), [self._vocab_size]) > 0
        chosen |= tf.math.count_nonzero(chosen) < fewest
        return tf.cast(tf.where(chosen)[:, 0], tf.int32)


def _with_rows(every: Any, rows: tf.Tensor, found: Any) -> Any:
    """Returns ``every`` with what was found for ``rows``."""
    return type(every)(
        *(tf.tensor_scatter_nd_update(old, rows[:, None], new) for old, new in zip(every, found, strict=True))
    )


def save(graph: TextGraph, folder: Path) -> list[str]:
    """Writes the SavedModel into a folder and returns the names of its functions.

    They are its signatures, ``translate`` that of the name ``serving_default``, and also attributes of what
    ``tf.saved_model.load`` returns; only there Python fills in the options that are left out.
    """
    module, functions = graph.module(), graph.functions()
    for name, function in functions.items():
        setattr(module, name, function)
    signatures = {"serving_default" if name == "translate" else name: function for name, function in functions.items()}
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures, options)
    return list(functions)
