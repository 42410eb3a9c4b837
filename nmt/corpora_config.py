"""The corpora of a recipe: which text is read, which is made by a teacher, and how it is cleaned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.model_config import Count
from nmt.strict_yaml import Strict, refuse


class FilesConfig(Strict):
    """A parallel corpus in the user's own files, one path per side, relative to the recipe."""

    source: str = Field(description="text, or an .npz file with model.encoder.input vectors")
    target: str
    references: list[str] | None = Field(None, description="of a test set: more files that are as right as the target")

    @property
    def has_vectors(self) -> bool:
        """Whether the source is a file of vectors."""
        return self.source.endswith(".npz")


class PartConfig(Strict):
    """A split of a card, or a part of it, for instance a validation set for a corpus without one.

    A validation set that is taken out of the training split is still in it; the cleaning step ``decontaminate`` removes
    it there.
    """

    corpus: str = Field(description="card/split")
    every: Annotated[int, Field(ge=2)] | None = Field(
        None, description="takes one line in so many: 20 takes the lines 1, 21, 41, ...; none: all"
    )
    references: list[str] | None = Field(None, description="of a test set: more sides, as right as corpora.target")


CorpusReference = str | PartConfig | FilesConfig


class CorporaConfig(Strict):
    """Which text is read. A corpus is ``card/split``, a part of one, or a pair of files."""

    source: str = Field(
        description="side of the cards that is translated from: a language, or a field such as abstract"
    )
    target: str = Field(description="side of the cards that is translated to")
    train: list[CorpusReference] = Field(min_length=1)
    valid: list[CorpusReference] = Field(min_length=1)
    test: list[CorpusReference] = Field([])

    @model_validator(mode="after")
    def _references_are_of_tests(self) -> CorporaConfig:
        for split, corpora in (("train", self.train), ("valid", self.valid)):
            named = any(not isinstance(corpus, str) and corpus.references for corpus in corpora)
            refuse([(named, f"corpora.{split}: references are of test sets, more pairs are more corpora")])
        return self

    @property
    def with_vectors(self) -> list[bool]:
        """Of each corpus, whether its source is a file of vectors."""
        references = [*self.train, *self.valid, *self.test]
        return [isinstance(reference, FilesConfig) and reference.has_vectors for reference in references]


class TextConfig(Strict):
    """Text of one side in a file of the user's own, relative to the recipe."""

    file: str = Field(description="one sentence per line; plain, .gz or .zst")

    @model_validator(mode="after")
    def _is_text(self) -> TextConfig:
        refuse([(self.file.endswith(".npz"), f"{self.file}: text that is to be translated back cannot be vectors")])
        return self


TextReference = str | PartConfig | TextConfig
Teachers = str | Annotated[list[str], Field(min_length=1)]
_TEACHER = "a bundle's folder or a recipe's file (.yaml), relative to the recipe; several of one vocabulary vote"


class BackTranslationConfig(Strict):
    """Text of the target side, translated to the source side (Sennrich et al. 2016)."""

    method: Literal["back_translation"]
    text: list[TextReference] = Field(min_length=1, description="corpora that have the side corpora.target, or files")
    teacher: Teachers | None = Field(
        None,
        description=f"{_TEACHER}; of the other direction; when absent, this recipe turned around is trained for it",
    )
    mark: bool = Field(
        True, description="put a piece of its own before these sources, so that the model tells them from human text"
    )
    beam_size: Count = Field(1, description="of the teacher")


class DistillationConfig(Strict):
    """The sources of ``corpora.train``, translated by a teacher of the same direction (Kim and Rush 2016)."""

    method: Literal["distillation"]
    teacher: Teachers = Field(description=f"{_TEACHER}; of the same direction")
    beam_size: Count = Field(5, description="of the teacher")

    @property
    def mark(self) -> bool:
        """Its sources are those of people: nothing marks them."""
        return False


SyntheticConfig = Annotated[BackTranslationConfig | DistillationConfig, Field(discriminator="method")]


class NormalizeStep(Strict):
    """Unicode normalisation of both sides; zero-width marks dropped, white space squeezed."""

    form: Literal["NFC", "NFKC", "none"] = "NFC"
    squeeze_spaces: bool = True
    marks: Literal["drop"] | None = Field(
        None, description="drop: letters lose what stands above and below them, in NFC; none: they keep it"
    )


class LengthStep(Strict):
    """Keeps pairs in which both sides have from ``min`` to ``max`` units."""

    unit: Literal["word", "char"] = "word"
    min: Count = 1
    max: Count = 200


class LengthRatioStep(Strict):
    """Keeps pairs whose longer side has at most ``max`` times the units of the shorter one."""

    unit: Literal["word", "char"] = "char"
    max: Annotated[float, Field(ge=1.0)] = 4.0


class DeduplicateStep(Strict):
    """Keeps the first of equal pairs, or of pairs with equal sources or targets."""

    on: Literal["pair", "source", "target"] = "pair"


class DecontaminateStep(Strict):
    """Drops training pairs that occur in the evaluation sets, compared without case, punctuation and spaces."""

    against: list[Literal["valid", "test"]] = Field(["valid", "test"])
    on: Literal["pair", "source", "target", "either"] = "pair"


class CleaningStep(Strict):
    """One step of cleaning: a mapping with exactly one key, the step's name."""

    normalize: NormalizeStep | None = None
    length: LengthStep | None = None
    length_ratio: LengthRatioStep | None = None
    deduplicate: DeduplicateStep | None = None
    decontaminate: DecontaminateStep | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> CleaningStep:
        if len(self.model_fields_set) != 1 or self.settings is None:
            raise ValueError(f"a cleaning step is a mapping with one key: one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def name(self) -> str:
        """The step's name."""
        return next(iter(self.model_fields_set))

    @property
    def settings(self) -> Strict:
        """The step's settings."""
        settings: Strict = getattr(self, self.name)
        return settings


def default_cleaning() -> list[CleaningStep]:
    """Returns the steps of a recipe that names none."""
    return [
        CleaningStep(normalize=NormalizeStep()),
        CleaningStep(length=LengthStep()),
        CleaningStep(deduplicate=DeduplicateStep()),
        CleaningStep(decontaminate=DecontaminateStep()),
    ]
