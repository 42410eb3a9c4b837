"""Findings: measures with a verdict, what they mean, and what to do. The limits stand here, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nmt.evaluation.diagnostics import AttentionMeasures, CurveMeasures, OutputMeasures, TableMeasures

Verdict = Literal["good", "look", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        name: what was checked.
        value: the measure for programs; None where it is no number.
        shown: the measure for people.
        verdict: ``good``; ``look``, which can have a good reason; or ``bad``.
        meaning: what it means, one sentence.
        action: what to do about it; empty where the verdict is good.
    """

    name: str
    value: float | None
    shown: str
    verdict: Verdict
    meaning: str
    action: str = ""

    def text(self, separator: str) -> str:
        """Returns the measure, what it means and what to do; the separator stands behind the measure."""
        sentences = f"{self.meaning} {self.action}".rstrip()
        return f"{self.shown}{separator}{sentences}"

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """How a measure becomes a finding: the larger the value that is judged, the worse.

    Attributes:
        name: what is checked.
        look, bad: the verdict from this value on.
        good: what it means where it is good.
        wrong: what it means otherwise.
        action: what to do then.
    """

    name: str
    look: float
    bad: float
    good: str
    wrong: str
    action: str

    def judge(self, judged: float, shown: str, where: str = "", value: float | None = None) -> Finding:
        """Returns the finding.

        Args:
            judged: what is compared with the limits.
            shown: the measure as text.
            where: the test set, matrix or side that was measured.
            value: the measure, where it is not what is judged.
        """
        # What is not a number is compared with nothing, and is never good.
        verdict: Verdict = "good" if judged < self.look else "look" if judged < self.bad else "bad"
        number = judged if value is None else value
        good = verdict == "good"
        return Finding(
            name=f"{self.name}, {where}" if where else self.name,
            value=number if math.isfinite(number) else None,
            shown=shown,
            verdict=verdict,
            meaning=self.good if good else self.wrong,
            action="" if good else self.action,
        )


# Loss relative to that of unigrams. The runs of the studies stand at 0.1 to 0.5, those on Multi30k at 0.4 to 0.5. A
# model that predicts from the target's own words alone is well above that, and below unigrams.
LOSS = Check(
    "validation loss",
    0.75,
    0.95,
    "The model predicts the validation targets far better than the frequencies of the pieces do.",
    "The model has learnt little more than how frequent each piece is.",
    "Check that line n of one side is the translation of line n of the other; then train longer, or with another"
    " training.learning_rate.",
)
# 1 minus the loss that exchanged sources add, relative to that of unigrams. A decoder that does not look at its
# source loses nothing by the exchange; the runs of the studies lose a quarter or more of that loss.
SOURCE = Check(
    "use of the source",
    0.90,
    0.98,
    "The loss rises when the sources are exchanged: the model reads them.",
    "The loss hardly rises when the sources are exchanged: the model writes without reading them.",
    "Train longer, give model.decoder.attention a value other than none, and check that the two sides of the corpora"
    " belong together.",
)
# Each skipped step halves the learning rate: one may be bad luck, after four it is a sixteenth.
SKIPPED = Check(
    "skipped steps",
    1,
    4,
    "Every step had a finite gradient.",
    "Steps without a finite gradient were skipped, and each halved the learning rate for good.",
    "Lower training.learning_rate, or lengthen training.warmup_steps.",
)
# The share of training.learning_rate that the warm-up did not reach.
WARMUP = Check(
    "learning rate reached",
    0.01,
    0.75,
    "The warm-up was over before the training ended.",
    "The training ended while the learning rate was still rising.",
    "Lower training.warmup_steps below the number of steps, or raise training.max_epochs.",
)
# What the last fifth of the validations added, as a share of the score: less than 1% is within what a seed decides.
LATE_GAIN = Check(
    "still improving at the end",
    0.01,
    math.inf,
    "The last fifth of the training added little.",
    "The score was still rising when the training ended.",
    "Raise training.max_epochs.",
)
# 1 minus the place of the best validation, as a share of the steps: after it half of the time was spent in vain.
BEST_EARLY = Check(
    "best validation",
    0.5,
    math.inf,
    "The best validation, whose weights are kept, came in the second half of the training.",
    "The best validation came early, and the rest of the training was in vain.",
    "Lower training.learning_rate or training.stop_after; if the training loss went on falling, raise model.dropout or"
    " add text.",
)
# The validation loss's rise from its lowest value: 5% of a loss of 2 nats is a perplexity 10% as high again.
OVERFITTING = Check(
    "rise of the validation loss",
    0.05,
    math.inf,
    "The validation loss has not risen from its lowest value.",
    "The validation loss rose after its lowest value: the model began to learn the training pairs by heart.",
    "Raise model.dropout, use a smaller model, or add text.",
)
# Nats per token that the validation loss stands above the training loss, which smoothing and dropout only make larger:
# 1 nat is a perplexity 2.7 times as high.
GAP = Check(
    "training and validation loss",
    1.0,
    math.inf,
    "The validation loss is near the training loss.",
    "The validation targets are much harder for the model than the training targets.",
    "Raise model.dropout, add text, and check that the validation set is text of the same kind.",
)
# One blank output in a thousand can be a source of odd characters; one in 20 is felt in every score.
EMPTY = Check(
    "empty outputs",
    0.001,
    0.05,
    "Every source gets an output.",
    "Sources that are not blank get blank outputs.",
    "Raise decoding.length_penalty, and train longer.",
)
# Copies beyond those of the references, which may be names or numbers. A model learns them from untranslated training
# pairs, of which a few percent do much harm already (Khayrallah and Koehn 2018).
COPIES = Check(
    "copies of the source",
    0.02,
    0.20,
    "Outputs equal their source no more often than references do.",
    "Outputs repeat their source untranslated.",
    "Look in the training pairs for targets that are copies of their sources, and drop them.",
)
# Sources that share their output with another one, beyond what references do.
SHARED = Check(
    "identical outputs",
    0.05,
    0.30,
    "Different sources get different outputs.",
    "Different sources get the same output, as from a model that does not read them.",
    "Train longer; compare `use of the source`.",
)
# Repeated bigrams of pieces beyond those of references: 1% on Multi30k. Runs there that stopped early repeat 6 to 7%.
REPETITION = Check(
    "repetition",
    0.02,
    0.10,
    "Outputs repeat themselves no more than references do.",
    "Outputs repeat what they have written already.",
    "Train longer; try model.decoder.coverage with additive attention, or a larger decoding.beam_size.",
)
# The distance of the length ratio r from 1, |ln r|: BLEU's brevity penalty takes 10% at a ratio of 0.9, a third at 0.7.
LENGTH = Check(
    "length of the outputs",
    0.105,
    0.357,
    "Outputs are about as long as the references.",
    "Outputs are not as long as the references.",
    "Too short: raise decoding.length_penalty. Too long: lower it. If that does not help, look at the lengths of the"
    " training pairs, and train longer.",
)
# Outputs that were cut have no end. One in a hundred is a rare loop.
CUT = Check(
    "outputs at the length limit",
    0.01,
    0.10,
    "Outputs end before the length limit.",
    "Outputs are as long as the search allows: they were cut, not ended.",
    "If references are longer as well, raise decoding.max_length_ratio or max_length_extra; otherwise train longer.",
)
# The search forbids the unknown piece, so any is one that the vocabulary itself spells.
UNKNOWN_OUTPUT = Check(
    "unknown pieces in outputs",
    0.001,
    0.10,
    "No output has an unknown piece.",
    "Outputs have the mark of an unknown piece.",
    "Look for this mark (U+2047) in the training targets.",
)
# Each unknown piece is a word that cannot be translated: 1% is one in every fourth sentence of 25 pieces.
UNKNOWN = Check(
    "unknown pieces",
    0.01,
    0.10,
    "The vocabulary knows this text.",
    "The vocabulary does not know parts of this text.",
    "Set tokenizer.byte_fallback to true, or raise tokenizer.vocab_size or character_coverage; check that the text is"
    " in the language of the training text.",
)
# SentencePiece chooses its pieces otherwise than it uses them, so that some may never be used. Half is a vocabulary of
# other text.
UNUSED = Check(
    "unused pieces",
    0.05,
    0.50,
    "Nearly all pieces of the vocabulary occur in the training text.",
    "Pieces of the vocabulary never occur in the training text: nothing is known of them.",
    "Lower tokenizer.vocab_size, or train the tokenizer on this text.",
)
# Rows of pieces that were seen; one in a hundred may be of very rare pieces.
NEAR_ZERO = Check(
    "embeddings near zero",
    0.01,
    0.20,
    "No piece that was seen has an embedding that is close to zero.",
    "Pieces that were seen have embeddings that are close to zero, as if they were not there.",
    "Lower training.weight_decay or training.learning_rate.",
)
UNMOVED = Check(
    "embeddings that never moved",
    0.01,
    0.20,
    "Training has changed the embedding of every piece that was seen.",
    "Pieces that were seen have the embedding that they had before training.",
    "Raise training.learning_rate or training.max_epochs.",
)
DOUBLE = Check(
    "double embeddings",
    0.01,
    0.20,
    "No two pieces that were seen have the same embedding, but for its length.",
    "Different pieces have the same embedding: the model cannot tell them apart.",
    "Train longer, or lower tokenizer.vocab_size so that each piece is seen more often.",
)
WEIGHTS = Check(
    "weights",
    1,
    1,
    "All weights are finite, and no matrix is zero.",
    "Weights are not finite, or whole matrices are zero.",
    "Train again, with a lower training.learning_rate.",
)
# Entropy of the attention relative to uniform, which is 1 and what an untrained model is near to. Runs on Multi30k
# stand at 0.4.
ATTENTION = Check(
    "attention entropy",
    0.85,
    0.97,
    "Attention chooses: it is far from uniform.",
    "Attention weighs all source positions nearly alike, so it tells the decoder little.",
    "Train longer; try another model.decoder.attention, such as scaled_dot or additive.",
)
# 1 minus the spread: whether steps look at different positions. Sharp attention is fine, but not always the same.
SPREAD = Check(
    "attention spread",
    0.70,
    0.90,
    "Different target steps attend to different source positions.",
    "All target steps attend to the same source positions: attention has collapsed.",
    "Train longer or with a lower training.learning_rate.",
)
# Models park attention on EOS where a piece needs no source; that is for some of the steps.
ON_END = Check(
    "attention on the source's end",
    0.50,
    0.90,
    "Attention rests on the source's words.",
    "Most of the attention rests on the end of the source instead of its words.",
    "Train longer; try model.decoder.query with its other value.",
)
# Corpora from the web may lose a third by cleaning; more is often one step that is too strict.
CLEANED = Check(
    "pairs dropped by cleaning",
    0.35,
    0.80,
    "Cleaning has kept most of the training pairs.",
    "Cleaning has dropped a large part of the training pairs.",
    "Read the section Cleaning of the run's report: it shows which step dropped what.",
)
TOO_LONG = Check(
    "pairs that are too long",
    0.05,
    0.50,
    "Nearly all clean pairs are short enough for training.",
    "Clean pairs were left out of training for their length.",
    "Raise dataset.max_source_tokens and max_target_tokens, or tokenizer.vocab_size.",
)


def loss_findings(valid_loss: float, unigram: float, exchange: float | None) -> list[Finding]:
    """Judges the loss.

    Args:
        valid_loss: of the best validation, nats per token.
        unigram: of a model that knows the frequencies of the pieces, nats per token.
        exchange: what exchanged sources add to the loss, nats per token; None where it was not measured.
    """
    shown = f"{valid_loss:.2f} nats per token; frequencies alone: {unigram:.2f}"
    findings = [LOSS.judge(valid_loss / unigram, shown, value=valid_loss)]
    if exchange is not None:
        findings.append(
            SOURCE.judge(1 - exchange / unigram, f"{exchange:+.2f} nats per token with exchanged sources", "", exchange)
        )
    return findings


def curve_findings(curve: CurveMeasures) -> list[Finding]:
    """Judges the history of a training."""
    findings = [SKIPPED.judge(curve.skipped, str(curve.skipped))]
    if curve.late_gain is not None:  # there were validations enough to tell early from late
        findings.append(LATE_GAIN.judge(curve.late_gain, f"{curve.late_gain:+.1%} of the score in the last fifth"))
        best = f"after {curve.best_at:.0%} of the steps"
        findings.append(BEST_EARLY.judge(1 - curve.best_at, best, value=curve.best_at))
    findings.append(OVERFITTING.judge(curve.rise, f"{curve.rise:+.1%}"))
    if curve.gap is not None:
        findings.append(GAP.judge(curve.gap, f"validation {curve.gap:+.2f} nats per token"))
    return findings


def warmup_finding(steps: int, warmup_steps: int) -> Finding:
    """Judges whether a training of so many steps reached its learning rate."""
    reached = 1.0 if steps >= warmup_steps else steps / warmup_steps
    return WARMUP.judge(1 - reached, f"{reached:.0%} of training.learning_rate", value=reached)


def output_findings(measured: OutputMeasures, where: str) -> list[Finding]:
    """Judges what a model wrote for a set of sources that is named ``where``."""

    def beyond(check: Check, shares: tuple[float, float], of: str = "references") -> Finding:
        own, references = shares
        return check.judge(max(0.0, own - references), f"{own:.1%}; {of}: {references:.1%}", where, own)

    ratio = measured.length_ratio
    distance = abs(math.log(ratio)) if ratio > 0 else math.inf
    findings = [
        beyond(EMPTY, measured.empty),
        beyond(COPIES, measured.copies),
        beyond(SHARED, measured.shared),
        beyond(REPETITION, measured.repetition),
        LENGTH.judge(distance, f"{ratio:.2f} of the references' pieces", where, ratio),
        beyond(UNKNOWN_OUTPUT, measured.unknown),
    ]
    if measured.cut is not None:
        own, longer = measured.cut
        findings.append(CUT.judge(own, f"{own:.1%}; references that are longer: {longer:.1%}", where))
    return findings


def vocabulary_findings(unknown: Sequence[tuple[str, float]], unused: Sequence[tuple[str, float]]) -> list[Finding]:
    """Judges, by the side or set that they were measured on, the rates of unknown pieces and of pieces without use."""
    findings = [UNKNOWN.judge(rate, f"{rate:.2%}", where) for where, rate in unknown]
    return findings + [UNUSED.judge(rate, f"{rate:.1%}", where) for where, rate in unused]


def corpus_findings(cleaning: dict[str, Any], encoding: dict[str, Any]) -> list[Finding]:
    """Judges the reports of the stages ``clean`` and ``encode`` about the training pairs."""
    rows = ((CLEANED, cleaning["read"], cleaning["kept"]), (TOO_LONG, encoding["pairs"], encoding["kept"]))
    return [
        check.judge(1 - kept / max(1, before), f"{before - kept:,} of {before:,}, {1 - kept / max(1, before):.1%}")
        for check, before, kept in rows
    ]


def weight_findings(faulty: Sequence[str], tables: dict[str, TableMeasures]) -> list[Finding]:
    """Judges the weights, and each embedding matrix by its name."""
    names = ", ".join(faulty[:3]) + (f" and {len(faulty) - 3} more" if len(faulty) > 3 else "")
    findings = [WEIGHTS.judge(len(faulty), f"{len(faulty)} faulty: {names}" if faulty else "sound")]
    for name, measured in tables.items():
        findings.append(NEAR_ZERO.judge(measured.near_zero, f"{measured.near_zero:.1%}", name))
        if measured.unmoved is not None:
            findings.append(UNMOVED.judge(measured.unmoved, f"{measured.unmoved:.1%}", name))
        findings.append(DOUBLE.judge(measured.double, f"{measured.double:.1%}", name))
    return findings


def attention_findings(measured: AttentionMeasures, has_end: bool) -> list[Finding]:
    """Judges the attention; ``has_end``: sources end in EOS."""
    findings = [
        ATTENTION.judge(measured.entropy, f"{measured.entropy:.2f} of uniform"),
        SPREAD.judge(1 - measured.spread, f"{measured.spread:.2f} of the most", value=measured.spread),
    ]
    if has_end:
        findings.append(ON_END.judge(measured.on_end, f"{measured.on_end:.1%} of the weight"))
    return findings
