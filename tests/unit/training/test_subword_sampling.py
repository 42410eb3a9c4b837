"""Segmentations that are drawn anew: what is drawn spells the text, and is the same in every process."""

import hashlib
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from test_data import recipe_with

from nmt.config import TokenizerConfig
from nmt.dataset import EncodedCorpus, batches
from nmt.encoding import encode_corpus
from nmt.errors import RecipeError
from nmt.textio import write_lines
from nmt.tokenizer import BOS, EOS, UNK, Tokenizer, TokenizerPair
from nmt.training.data import TrainingData
from nmt.training.segmentation import Segmenter
from nmt.training.subword_sampling import sampled_sides
from nmt.vocabulary_extension import extended

STEMS = ["house", "garden", "river", "bridge", "window", "mountain", "letter", "summer"]
ENDINGS = ["", "s", "less", "ing", "keeper"]
GENERATOR = random.Random(1)
LINES = [
    " ".join(GENERATOR.choice(STEMS) + GENERATOR.choice(ENDINGS) for _ in range(GENERATOR.randint(1, 9)))
    for _ in range(400)
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    write_lines(folder / "source", LINES)
    write_lines(folder / "target", [line.upper() for line in LINES])
    return folder / "source", folder / "target"


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizers(request, files):
    return TokenizerPair.train_pair(*files, TokenizerConfig(kind=request.param, vocab_size=110), seed=1)


def corpus_of(tokenizers, limit=None):
    pairs = ((line, line.upper()) for line in LINES)
    return encode_corpus(pairs, tokenizers, limit, limit)[0]


def data_of(tokenizers, files, alpha=0.2, limit=None):
    corpus = corpus_of(tokenizers, limit)
    recipe = recipe_with(subword_sampling=alpha, tokens_per_batch=200)
    return TrainingData(recipe, corpus, sides=sampled_sides(tokenizers, files, corpus, alpha))


def rows_of(sequences):
    return [row.tolist() for row in np.split(np.asarray(sequences.ids), np.asarray(sequences.offsets)[1:-1])]


def test_what_is_drawn_spells_the_lines_that_were_short_enough(tokenizers, files):
    limit = int(np.median(corpus_of(tokenizers).target.lengths))
    data, corpus = data_of(tokenizers, files, alpha=0.1, limit=limit), corpus_of(tokenizers, limit)
    kept = [LINES[line] for line in corpus.lines]
    assert 10 < len(kept) < len(LINES)
    drawn, plan = data.epoch(0)
    sources, targets = rows_of(drawn.source), rows_of(drawn.target)
    assert tokenizers.source.decode(sources) == kept
    assert tokenizers.target.decode(targets) == [line.upper() for line in kept]
    assert all(row[-1] == EOS and row.count(EOS) == 1 and BOS not in row for row in sources)
    assert all(row[0] == BOS and row[-1] == EOS and row.count(BOS) == row.count(EOS) == 1 for row in targets)
    assert sources != rows_of(corpus.source)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(kept)))
    # Nothing is cut off: what is drawn may be longer than the limit.
    assert max(map(len, sources)) > limit
    for rows in plan:
        assert len(rows) == 1 or len(rows) * (drawn.target.lengths[rows] - 1).max() <= 200


def test_another_epoch_is_drawn_otherwise(tokenizers, files):
    data = data_of(tokenizers, files)
    first, second = (rows_of(data.epoch(number)[0].source) for number in (0, 1))
    assert first != second
    assert rows_of(data.epoch(0)[0].source) == first


def test_a_resumed_epoch_has_the_batches_that_were_left(tokenizers, files):
    def batches_of(data, start):
        return [tuple(part.numpy().tolist() for part in batch) for batch in batches(*data.epoch(2), start)]

    whole = batches_of(data_of(tokenizers, files), 0)
    assert len(whole) > 8
    assert batches_of(data_of(tokenizers, files), 5) == whole[5:]


SCRIPT = """
import hashlib, random, sys
from pathlib import Path
from nmt.tokenizer import Tokenizer
from nmt.training.subword_sampling import SampledSide
tokenizer = Tokenizer.from_bytes(Path(sys.argv[1]).read_bytes())
lines = Path(sys.argv[2]).read_text().splitlines()
drawn = SampledSide(tokenizer, lines, 0.2, [2] * len(lines)).sample("1 0 source")
print(hashlib.sha256(drawn.ids.tobytes() + drawn.offsets.tobytes()).hexdigest())
"""


def test_two_processes_draw_the_same_bytes(tokenizers, files, tmp_path):
    (tmp_path / "model").write_bytes(tokenizers.source.to_bytes())
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "model"), str(files[0])]
    answers = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(answers) == 1
    assert len(answers.pop().strip()) == hashlib.sha256().digest_size * 2


def test_the_expected_steps_count_what_is_drawn(tokenizers, files):
    data = data_of(tokenizers, files, alpha=0.5 if tokenizers.kind == "bpe" else 0.01)
    steps = [len(data.epoch(number)[1]) for number in range(4)]
    assert data.steps_per_epoch == pytest.approx(np.mean(steps), rel=0.1)
    assert steps[0] > len(TrainingData(recipe_with(tokens_per_batch=200), corpus_of(tokenizers)).epoch(0)[1])


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_without_noise_the_best_segmentation_is_drawn(files, kind, byte_fallback):
    config = TokenizerConfig(kind=kind, vocab_size=310 if byte_fallback else 60, byte_fallback=byte_fallback)
    tokenizer = Tokenizer.train([files[0]], config, seed=1)
    alpha = 0.0 if kind == "bpe" else 0.999
    lines = [*LINES[:50], "an \u4e2d\u6587x  \u00e9 house", " house", "<s> </s> <unk>", "a\u2581house", "\ud800 z"]
    for line in lines:
        words = [Segmenter(tokenizer, alpha).sample(word, 200, random.Random(1)) for word in line.split(" ")]
        common = [Counter(map(tuple, drawn)).most_common(1)[0][0] for drawn in words]
        assert [id_ for ids in common for id_ in ids] == tokenizer.encode([line])[0]


def test_segmentations_come_as_often_as_their_probability_to_the_alpha(tmp_path):
    words = ["".join(GENERATOR.choices(["ba", "ko", "rin", "ta", "ne"], k=3)) for _ in range(500)]
    write_lines(tmp_path / "text", words)
    tokenizer = Tokenizer.train([tmp_path / "text"], TokenizerConfig(kind="unigram", vocab_size=40), seed=1)
    pieces, scores = tokenizer.pieces, tokenizer.scores
    count = 20_000
    drawn = Counter(map(tuple, Segmenter(tokenizer, 0.1).sample("bakorinta", count, random.Random(1))))
    assert len(drawn) > 3
    (first, often), (second, less) = drawn.most_common(2)
    ratio = np.exp(0.1 * sum(scores[pieces[id_]] for id_ in first) - 0.1 * sum(scores[pieces[id_]] for id_ in second))
    assert often / less == pytest.approx(ratio, rel=0.15)
    assert all("".join(pieces[id_] for id_ in ids) == "\u2581bakorinta" for ids in drawn)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_the_new_pieces_of_an_extended_vocabulary_are_drawn_as_well(files, tmp_path, kind):
    tokenizer = Tokenizer.train([files[0]], TokenizerConfig(kind=kind, vocab_size=60), seed=1)
    lines = ["дом сад домик садик", "house дом gardens сад"] * 20
    write_lines(tmp_path / "new", lines)
    longer = extended(tokenizer, [tmp_path / "new"], 20, TokenizerConfig(kind=kind), seed=1)
    assert longer.vocab_size > tokenizer.vocab_size
    segmenter = Segmenter(longer, 0.0 if kind == "bpe" else 0.999)
    for line in [*lines[:2], *LINES[:20]]:
        words = [segmenter.sample(word, 200, random.Random(1)) for word in line.split(" ")]
        common = [Counter(map(tuple, drawn)).most_common(1)[0][0] for drawn in words]
        assert [id_ for ids in common for id_ in ids] == longer.encode([line])[0]


def test_dropping_many_merges_gives_letters(files):
    tokenizer = Tokenizer.train([files[0]], TokenizerConfig(kind="bpe", vocab_size=100), seed=1)
    lengths = [
        np.mean([len(ids) for ids in Segmenter(tokenizer, dropout).sample("mountainkeeper", 300, random.Random(1))])
        for dropout in (0.0, 0.1, 0.5, 0.95)
    ]
    assert lengths == sorted(set(lengths))
    assert lengths[-1] > 12


def test_one_unknown_stands_for_several_characters(files):
    tokenizer = Tokenizer.train([files[0]], TokenizerConfig(kind="bpe", vocab_size=100), seed=1)
    (ids,) = Segmenter(tokenizer, 0.5).sample("\u4e2d\u6587", 1, random.Random(1))
    assert ids.count(UNK) == 1


@pytest.mark.parametrize("kind", ["char", "word"])
def test_a_kept_vocabulary_that_cannot_sample_is_refused(files, kind):
    tokenizers = TokenizerPair.train_pair(*files, TokenizerConfig(kind=kind, vocab_size=60), seed=1)
    kept = TokenizerPair(tokenizers.source, tokenizers.target, True, "unigram")
    with pytest.raises(RecipeError, match=f"a {kind} vocabulary"):
        sampled_sides(kept, files, corpus_of(kept), 0.1)


def test_nothing_is_sampled_at_zero(tokenizers, files):
    assert sampled_sides(tokenizers, files, corpus_of(tokenizers), 0.0) == []
    assert isinstance(data_of(tokenizers, files, alpha=0.0).epoch(0)[0], EncodedCorpus)


def test_a_marker_stays_in_front_of_the_sources_that_have_one(files):
    config = TokenizerConfig(kind="unigram", vocab_size=60)
    tokenizers = TokenizerPair.train_pair(files[0], files[0], config, 1, marker=True)
    marks = [number % 3 == 0 for number in range(len(LINES))]
    corpus, _ = encode_corpus(((line, line) for line in LINES), tokenizers, marks=marks)
    sides = sampled_sides(tokenizers, (files[0], files[0]), corpus, 0.1)
    drawn = rows_of(sides[0].sample("1"))
    assert [row[0] == tokenizers.source.marker for row in drawn] == marks
    assert all(tokenizers.source.marker not in row[1:] for row in drawn)
    assert tokenizers.source.marker not in sides[1].sample("1").ids
