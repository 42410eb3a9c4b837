"""The ``decoding`` section of a recipe: the search, what it prefers, and what it is limited to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nmt.errors import UsageError
from nmt.model_config import Count, Positive
from nmt.strict_yaml import Strict, override, refuse


class CoveragePenaltyConfig(Strict):
    """Takes from the score of outputs that leave source tokens unattended, or attend to them more than once."""

    form: Literal["summary", "stepwise"] = Field(
        "summary",
        description="summary: unattended tokens, once an output has ended (Wu et al. 2016, equation 14);"
        " stepwise: repeated attention, at every step (Gehrmann et al. 2018)",
    )
    weight: Positive = 0.2


class WishedLengthConfig(Strict):
    """A number of words that outputs are to have, about; it takes the place of the limits in tokens."""

    words: Count | None = Field(None, description="words of an output; give these or ratio")
    ratio: Positive | None = Field(None, description="words of an output per word of its source")
    slack: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.2, description="share of the wish that an output may have less or more"
    )
    weight: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        1.0, description="taken from the score of an output, times its distance to the wish as a share of it"
    )
    tokens_per_word: Count = Field(6, description="room for an output, in tokens per word")

    @model_validator(mode="after")
    def _one_wish(self) -> WishedLengthConfig:
        if (self.words is None) == (self.ratio is None):
            raise ValueError("decoding.wished_length is a number of words or a ratio: give one of both")
        return self


class DiversityConfig(Strict):
    """Diverse beam search (Vijayakumar et al. 2016): groups of hypotheses that avoid each other's tokens."""

    groups: Annotated[int, Field(ge=2)] = Field(..., description="groups, of beam_size / groups hypotheses each")
    penalty: Positive = Field(0.5, description="nats that a token costs for each choice of it by an earlier group")


class SamplingConfig(Strict):
    """Outputs that are drawn instead of searched for; a source's draws depend on it and on the seed alone."""

    temperature: Positive = Field(1.0, description="divides the logits: below 1 the probable becomes more so")
    top_k: Count | None = Field(None, description="draw among so many of the most probable tokens; none: among all")
    top_p: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None,
        description="draw among the fewest tokens that have this probability together (Holtzman et al. 2020);"
        " none: among all",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


class MinimumBayesRiskConfig(Strict):
    """The output that is most like all others that are found, instead of the most probable (Kumar and Byrne 2004)."""

    candidates: Annotated[int, Field(ge=2)] = Field(
        16, description="outputs of each source: the best of the beam, or draws where there is sampling"
    )
    metric: Literal["bleu", "chrf", "chrf++", "rouge1", "rouge2", "rougeL", "exact"] = Field(
        "chrf", description="the score of one output against another, with evaluation's tokenize, lowercase and stemmer"
    )


class DecodingConfig(Strict):
    """Search."""

    beam_size: Count = Field(5, description="hypotheses kept per step; 1 is greedy search")
    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        1.0, description="exponent a of what divides scores; 0: nothing does"
    )
    length_normalization: Literal["average", "wu"] = Field(
        "average",
        description="what divides scores, for outputs of n tokens. average: n^a; wu: ((5 + n) / 6)^a (Wu et al. 2016)",
    )
    coverage_penalty: CoveragePenaltyConfig | None = Field(None, description="needs attention; none: off")
    repetition_penalty: Annotated[float, Field(gt=1.0, allow_inf_nan=False)] | None = Field(
        None,
        description="multiplies the log-probability of tokens that the output has already (Keskar et al. 2019);"
        " none: off",
    )
    no_repeat_ngram_size: Count | None = Field(
        None, description="no n tokens in a row come twice in an output; none: they may"
    )
    diversity: DiversityConfig | None = Field(None, description="diverse beam search; none: one beam")
    sampling: SamplingConfig | None = Field(None, description="draw outputs; none: search for the best")
    minimum_bayes_risk: MinimumBayesRiskConfig | None = Field(
        None, description="answer with the output that is most like the others; none: with the best of the search"
    )
    max_length_ratio: Positive = Field(2.0, description="longest output in tokens per source token")
    max_length_extra: Count = Field(10, description="tokens that are added to that")
    max_output_tokens: Count = Field(512, description="longest output in tokens, however long the source is")
    min_length_ratio: Positive | None = Field(
        None, description="shortest output in tokens per source token; none: any length"
    )
    min_output_tokens: Count | None = Field(
        None, description="shortest output in tokens, its end included, however short the source is; none: any length"
    )
    wished_length: WishedLengthConfig | None = Field(
        None, description="a number of words that outputs are to have; none: they end where the model ends them"
    )
    long: Literal["split", "truncate", "truncate_sentence", "error"] | None = Field(
        None,
        description="sources longer than dataset.max_source_tokens: split at ends of sentences and the translations"
        " joined, cut behind the last word or the last sentence that fits, or refused; none: as dataset.long_sources"
        " cuts, else split for translation, truncate for summarization",
    )
    tokens_per_batch: Count = Field(4096, description="most source tokens of a batch, its padding included")
    compile: bool = Field(
        False,
        description="compile the search with XLA: seconds for the first source of a length, then faster for one",
    )
    shortlist: Annotated[int, Field(ge=1, le=50)] | None = Field(
        None,
        description="write only so many of the most probable translations of each source token, by the bundle's lexical"
        " table, and the most frequent tokens; none: any token",
    )
    matrices: Literal["float32", "bfloat16"] = Field(
        "float32", description="data type of the weight matrices; bfloat16 halves them and may change a few outputs"
    )
    project_tokens: bool = Field(
        True, description="compute the products of target embeddings and kernel once for the whole vocabulary"
    )
    replace_unknown: bool = Field(
        False, description="write unknown pieces, and show for each the source piece that attention points at"
    )

    @model_validator(mode="after")
    def _means_something(self) -> DecodingConfig:
        groups = self.diversity.groups if self.diversity else 1
        sampled = self.sampling is not None
        refuse(
            [
                (
                    self.beam_size % groups > 0,
                    f"diversity.groups {groups} does not divide beam_size {self.beam_size}",
                ),
                (
                    not sampled and self.candidates > self.beam_size,
                    f"minimum_bayes_risk.candidates {self.candidates} is above beam_size {self.beam_size}:"
                    " widen the beam, or draw with sampling",
                ),
                (sampled and groups > 1, "diversity is of a beam: draws differ by themselves, leave one of both out"),
                (
                    sampled and self.coverage_penalty is not None,
                    "coverage_penalty ranks hypotheses, and draws are not ranked: leave one of both out",
                ),
                (
                    self.shortlist is not None
                    and bool(self.compile or sampled or self.no_repeat_ngram_size or self.repetition_penalty),
                    "shortlist goes with neither compile nor sampling nor no_repeat_ngram_size nor repetition_penalty",
                ),
                (
                    (self.min_output_tokens or 0) > self.max_output_tokens,
                    f"min_output_tokens {self.min_output_tokens} is above max_output_tokens {self.max_output_tokens}",
                ),
                (
                    (self.min_length_ratio or 0.0) > self.max_length_ratio,
                    f"min_length_ratio {self.min_length_ratio} is above max_length_ratio {self.max_length_ratio}",
                ),
            ]
        )
        return self

    @property
    def candidates(self) -> int:
        """The outputs that minimum Bayes risk decoding compares; 1 without it."""
        return self.minimum_bayes_risk.candidates if self.minimum_bayes_risk else 1

    def longest_output(self, source_tokens: int) -> int:
        """Returns the most tokens of an output, EOS counted, for a source of so many, its EOS counted."""
        if self.wished_length is not None:
            wish = self.wished_length
            most = (wish.words or source_tokens * (wish.ratio or 0.0)) * (1.0 + wish.slack)
            return int(most + 2.0) * wish.tokens_per_word + 1
        return min(int(source_tokens * self.max_length_ratio) + self.max_length_extra, self.max_output_tokens)

    def with_beam(self, beam_size: int) -> DecodingConfig:
        """Returns the same search with another beam, of one group, whose best output is the answer.

        Where draws are there to be compared, it draws no more: one alone would be as good as another.
        """
        sampling = None if self.minimum_bayes_risk else self.sampling
        one = {"diversity": None, "minimum_bayes_risk": None, "sampling": sampling}
        return self.model_copy(update={"beam_size": beam_size, **one})

    def greedy(self) -> DecodingConfig:
        """Returns the search of validations: greedy, nothing drawn, outputs of any length within the limits."""
        return self.with_beam(1).model_copy(update={"sampling": None, "wished_length": None})

    def for_outputs(self, wanted: int) -> DecodingConfig:
        """Returns the search for so many outputs of a source: as many are drawn as are wanted."""
        return self.model_copy(update={"beam_size": wanted}) if self.sampling else self


def overridden(config: DecodingConfig, options: dict[str, Any], settings: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the values of a configuration in which the command line replaces some.

    Args:
        config: the values before.
        options: keys of the section or of ``sampling``, and their values; None for what is left alone. An option of
            ``sampling`` switches it on, and so does ``sampling`` itself, which is true or false.
        settings: ``decoding.key=value``, as in recipes.

    Raises:
        UsageError: a setting is none of this section.
    """
    tree: dict[str, Any] = {"decoding": config.model_dump()}
    given = {name: value for name, value in options.items() if value is not None}
    draws = {name: given.pop(name) for name in list(given) if name in SamplingConfig.model_fields}
    if given.pop("sampling", False) or draws:
        given["sampling"] = (tree["decoding"]["sampling"] or {}) | draws
    tree["decoding"] |= given
    for setting in settings:
        if not setting.startswith("decoding."):
            raise UsageError(f"--set {setting}: only decoding can be set here", expected="decoding.key=value")
        override(tree, setting)
    return dict(tree["decoding"])
