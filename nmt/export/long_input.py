"""The in-graph twin of :mod:`nmt.long_sources`: texts longer than a model takes are split, cut, or refused.

Sentences are found by regular expressions that put line breaks, which no text has, around the white space behind them.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from unicodedata import east_asian_width

import tensorflow as tf

from nmt.decoding.restrictions import NEVER
from nmt.export.text import SPACE, GraphText, characters_where
from nmt.long_sources import CLOSING, LONGEST_SPACE, SPACED, UNSPACED, Mode

_GAP = characters_where(lambda character: character.isspace() and character != "\n")
_END = f"([{SPACED}]+[{CLOSING}]*)([{_GAP}]+)|([{UNSPACED}]+[{CLOSING}]*)([{_GAP}]*)"
_LOWER_BEHIND = f"\n([{_GAP}]*)\n([{characters_where(str.islower)}])"
_INITIAL = f"(^|[^{characters_where(str.isalnum)}])([{characters_where(str.isalpha)}])\\.\n([{_GAP}]*)\n"
_LAST_SPACE = f"[{SPACE}]+[^{SPACE}]*$"
_ENDS_WIDE = f"(?s).*[{characters_where(lambda character: east_asian_width(character) in 'WF')}]"


class Parts(NamedTuple):
    """The parts of some texts, in order."""

    texts: tf.Tensor  # string [P]
    rows: tf.Tensor  # int32 [P]: the text that each is a part of
    spaces: tf.Tensor  # string [P]: the white space that stood behind it


class GraphLongInput:
    """Divides texts as :class:`nmt.long_sources.LongInput` does.

    Args:
        mode: what is done to texts that are too long.
        limit: most tokens of a source, EOS counted.
        text: the tokenizer.
    """

    def __init__(self, mode: Mode, limit: int, text: GraphText) -> None:
        self._mode, self._limit, self._text = mode, limit, text

    def divide(self, texts: tf.Tensor) -> Parts:
        """Returns the parts of normalised texts [N]; of each there is one at least."""
        long = self._text.encode(texts).row_lengths() > self._limit
        if self._mode == "error":
            message = f"a text is longer than {self._limit} tokens, and decoding.long is error"
            with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(~long), [message])]):
                return _whole(tf.identity(texts))
        divided = self._sentences if self._mode == "split" else _whole
        return tf.cond(tf.reduce_any(long), lambda: self._pieces(divided(texts, long)), lambda: _whole(texts))

    def _sentences(self, texts: tf.Tensor, long: tf.Tensor) -> Parts:
        """Returns the sentences of those texts that are too long, and the others as they are."""
        marked = tf.strings.regex_replace(texts, _END, "\\1\\3\n\\2\\4\n")
        marked = tf.strings.regex_replace(marked, _LOWER_BEHIND, "\\1\\2")
        for _ in range(2):  # of two initials side by side the first match takes what the second begins with
            marked = tf.strings.regex_replace(marked, _INITIAL, "\\1\\2.\\3")
        pieces = tf.strings.split(tf.where(long, marked, texts), "\n")  # [N, (sentence, space)* rest]
        places = tf.ragged.range(pieces.row_lengths()).flat_values
        spaces = tf.concat([pieces.flat_values[1:], [""]], axis=0)
        last = tf.concat([places[1:], [0]], axis=0) == 0
        sentence = tf.where((places % 2 == 0) & (pieces.flat_values != ""))[:, 0]
        behind = tf.where(last, "", spaces)
        rows = tf.cast(pieces.value_rowids(), tf.int32)
        return Parts(*(tf.gather(values, sentence) for values in (pieces.flat_values, rows, behind)))

    def _pieces(self, sentences: Parts) -> Parts:
        """Returns the parts of sentences, of which those that are too long are split, or cut, at words."""
        long = self._text.encode(sentences.texts).row_lengths() > self._limit
        arrays = [tf.TensorArray(values.dtype, 0, dynamic_size=True, element_shape=[]) for values in sentences]

        def split(index: tf.Tensor, arrays: list[Any]) -> tuple[tf.Tensor, list[Any]]:
            text, row, space = (values[index] for values in sentences)
            arrays = tf.cond(
                long[index],
                lambda: self._split_at_words(text, row, space, arrays),
                lambda: _appended(arrays, (text, row, space)),
            )
            return index + 1, arrays

        count = tf.size(sentences.texts)
        _, arrays = tf.while_loop(lambda index, _: index < count, split, (0, arrays), parallel_iterations=1)
        return Parts(*(array.stack() for array in arrays))

    def _split_at_words(self, text: tf.Tensor, row: tf.Tensor, space: tf.Tensor, arrays: list[Any]) -> list[Any]:
        starts = self._text.starts(text)
        length = _characters(text)

        def split(begin: tf.Tensor, arrays: list[Any]) -> tuple[tf.Tensor, list[Any]]:
            end = self._end(text, length, begin, starts)
            rest = tf.strings.substr(text, end, LONGEST_SPACE, "UTF8_CHAR")
            behind = _characters(rest) - _characters(tf.strings.regex_replace(rest, f"^[{SPACE}]+", ""))
            gap = tf.strings.substr(rest, 0, behind, "UTF8_CHAR")
            gap = tf.where(end + behind == length, gap + space, gap)
            arrays = _appended(arrays, (tf.strings.substr(text, begin, end - begin, "UTF8_CHAR"), row, gap))
            return length if self._mode == "truncate" else end + behind, arrays

        _, arrays = tf.while_loop(lambda begin, _: begin < length, split, (0, arrays), parallel_iterations=1)
        return arrays

    def _end(self, text: tf.Tensor, length: tf.Tensor, begin: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
        """Returns where the longest part ends that begins at a character and is short enough."""
        first = tf.searchsorted(starts, [begin])[0]
        ends = tf.concat([starts, [length]], axis=0)[first + 1 : first + self._limit]

        def shorten(left: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            end = ends[left - 1]
            window = tf.strings.substr(text, begin, end + 1 - begin, "UTF8_CHAR")
            words = tf.strings.regex_replace(window, _LAST_SPACE, "", replace_global=False)
            before = _characters(words)
            at_word = (end < length) & (words != window) & (before > (end - begin) // 2)
            end = tf.where(at_word, begin + before, end)
            part = tf.strings.substr(text, begin, end - begin, "UTF8_CHAR")
            visible = tf.strings.regex_replace(part, f"[{SPACE}]+", "") != ""
            fits = visible & (self._text.encode(part[None]).row_lengths()[0] <= self._limit)
            return tf.where(fits, 0, left - 1), tf.where(fits, end, begin + 1)

        _, end = tf.while_loop(lambda left, _: left > 0, shorten, (tf.size(ends), begin + 1), parallel_iterations=1)
        return end


def join(parts: Parts, texts: tf.Tensor, scores: tf.Tensor, lengths: tf.Tensor, rows: tf.Tensor) -> Any:
    """Returns the translations string [N, K] and scores [N, K] of texts, as ``nmt.decoding.long_input.joined`` does.

    Args:
        parts: the parts of the texts.
        texts: the translations of the parts, [P, K].
        scores: their scores, [P, K].
        lengths: their tokens, EOS counted, int32 [P, K].
        rows: N, the number of texts.
    """
    counts = tf.math.unsorted_segment_sum(tf.ones_like(parts.rows), parts.rows, rows)
    first = tf.cumsum(counts, exclusive=True)  # [N]
    sizes = tf.cast(lengths, tf.float32)
    total = tf.maximum(tf.math.unsorted_segment_sum(sizes, parts.rows, rows), 1.0)
    means = tf.math.unsorted_segment_sum(scores * sizes, parts.rows, rows) / total
    least = tf.math.unsorted_segment_min(scores, parts.rows, rows)
    means = tf.where(counts[:, None] > 1, means, least)
    present = least > NEVER / 2

    def append(place: tf.Tensor, joined: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        some = tf.where(place < counts)[:, 0]
        here = tf.gather(first, some) + place
        before = tf.gather(joined, some)
        gap = tf.gather(parts.spaces, here - 1)[:, None]
        none = (before == "") | tf.strings.regex_full_match(before, _ENDS_WIDE)
        gap = tf.where(gap == "", tf.where(none, "", " "), gap)
        return place + 1, tf.tensor_scatter_nd_update(joined, some[:, None], before + gap + tf.gather(texts, here))

    begun = tf.gather(texts, first)
    most = tf.reduce_max(tf.concat([counts, [0]], axis=0))
    _, joined = tf.while_loop(lambda place, _: place < most, append, (1, begun), parallel_iterations=1)
    return tf.where(present, joined, ""), tf.where(present, means, NEVER)


def _whole(texts: tf.Tensor, *_: Any) -> Parts:
    return Parts(texts, tf.range(tf.size(texts)), tf.fill(tf.shape(texts), ""))


def _appended(arrays: list[Any], values: tuple[tf.Tensor, ...]) -> list[Any]:
    return [array.write(array.size(), value) for array, value in zip(arrays, values, strict=True)]


def _characters(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.length(text, "UTF8_CHAR")
