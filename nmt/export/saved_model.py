"""The SavedModel: the whole way from text to text as one graph, with the same search as ``nmt translate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.cleaning.normalize import normalizer_of
from nmt.decoding.decoder import projection_variables, search_problem
from nmt.decoding.restrictions import NEVER
from nmt.decoding.search import search
from nmt.decoding.translate import Translator
from nmt.decoding_config import DecodingConfig
from nmt.export.text import GraphText

OPTIONS = ("length_penalty", "max_length_ratio", "max_length_extra", "max_output_tokens")
"""Settings of decoding that are inputs of the graph, with defaults; all others are fixed when it is made."""


class Found(NamedTuple):
    """The best translations of some texts, best first; no text and a score of -1e9 where the search found fewer."""

    texts: tf.Tensor  # string [N, K]
    scores: tf.Tensor  # float32 [N, K]


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
        self._projections = projection_variables(self._model) if self._config.project_tokens else None

    def module(self) -> tf.Module:
        """Returns what the functions read: the variables and the tokenizers."""
        module = tf.Module()
        models = getattr(self._model, "models", [self._model])
        # A Keras layer would bring more of itself than its variables.
        module.weights = [weight.value for model in models for weight in model.weights]
        module.products = [part for part in tf.nest.flatten(self._projections) if part is not None]
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
        found = self._search(self._text.encode(tf.gather(normalized, filled)), config, wanted)
        shape = tf.stack([tf.size(texts), wanted or config.beam_size])
        first = tf.cast(blank, tf.float32)[:, None] * tf.one_hot(0, shape[1])
        every = Found(tf.fill(shape, ""), (1.0 - first) * NEVER)
        return _with_rows(every, filled, found)

    def _search(self, sources: tf.RaggedTensor, config: DecodingConfig, wanted: int | None) -> Found:
        """Translates ids [P, S]."""
        lengths = sources.row_lengths()
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        count = tf.size(order)
        width = wanted or config.beam_size

        def some_left(begin: tf.Tensor, _: Any) -> tf.Tensor:
            return begin < count

        def translate_batch(begin: tf.Tensor, every: Found) -> tuple[tf.Tensor, Found]:
            longest = tf.cast(lengths[order[begin]], tf.int32)
            rows = order[begin : begin + tf.maximum(1, config.tokens_per_batch // config.beam_size // longest)]
            batch = tf.gather(sources, rows).to_tensor()
            found = search(search_problem(self._model, batch, config, self._projections), config, wanted)
            tokens, scores = found.tokens[:, :width], found.scores[:, :width]
            texts = tf.where(scores > NEVER / 2, self._text.decode(tokens), "")
            return begin + tf.size(rows), _with_rows(every, rows, Found(texts, scores))

        nothing = Found(tf.fill([count, width], ""), tf.fill([count, width], NEVER))
        shapes = (tf.TensorShape([]), Found(tf.TensorShape([None, width]), tf.TensorShape([None, width])))
        _, every = tf.while_loop(
            some_left, translate_batch, (0, nothing), shape_invariants=shapes, parallel_iterations=1
        )
        return every


def _with_rows(every: Found, rows: tf.Tensor, found: Found) -> Found:
    """Returns ``every`` with what was found for ``rows``."""
    return Found(*(tf.tensor_scatter_nd_update(old, rows[:, None], new) for old, new in zip(every, found, strict=True)))


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
