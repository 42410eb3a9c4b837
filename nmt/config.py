"""The recipe: one strict YAML file says everything about a run.

Defaults live here and nowhere else. An unknown key, a wrong type or a value out of range is an error that names the
file, the line, the path in the file and, for a misspelt key, the nearest valid one, before anything runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nmt.corpora_config import CleaningStep, CorporaConfig, SyntheticConfig, default_cleaning
from nmt.decoding_config import DecodingConfig
from nmt.errors import RecipeError, suggestion
from nmt.model_config import SOURCE_TIES, Count, Fraction, ModelConfig, Positive
from nmt.strict_yaml import Strict, override, read_yaml, refuse, validate

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # names of folders and files


class TokenizerConfig(Strict):
    """SentencePiece (Kudo and Richardson 2018)."""

    kind: Literal["unigram", "bpe", "char", "word"] = Field(
        "unigram", description="word: what stands between spaces; the most frequent ones, the others are unknown"
    )
    vocab_size: Annotated[int, Field(ge=8)] = Field(
        8000, description="pieces; for char and word the most that there may be"
    )
    shared: bool = Field(True, description="one vocabulary for both sides")
    byte_fallback: bool = Field(False, description="spell unknown characters as bytes instead of <unk>")
    character_coverage: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    source_from: str | None = Field(
        None, description="a bundle whose source vocabulary is kept; with shared, for both sides"
    )
    target_from: str | None = Field(None, description="a bundle whose target vocabulary is kept")
    extend: Count | None = Field(
        None,
        description="most pieces of the new text that a kept vocabulary gets at its end: first unknown characters, then"
        " the most probable pieces; its own pieces, ids and kind stay",
    )

    @model_validator(mode="after")
    def _kept_once(self) -> TokenizerConfig:
        if self.shared and self.target_from is not None:
            raise ValueError(
                "tokenizer.target_from: a shared vocabulary is kept by source_from, or set shared to false"
            )
        return self

    @model_validator(mode="after")
    def _extends_what_is_kept(self) -> TokenizerConfig:
        if self.extend is not None and self.source_from is None and self.target_from is None:
            raise ValueError(
                "tokenizer.extend: there is no vocabulary to extend, set source_from or target_from to a bundle"
            )
        return self

    @model_validator(mode="after")
    def _words_are_not_spelt(self) -> TokenizerConfig:
        if self.kind == "word" and self.byte_fallback:
            raise ValueError("tokenizer.kind word has no byte_fallback: set it to false, or use unigram or bpe")
        return self


class MixConfig(Strict):
    """How much of a corpus an epoch takes, and in which epochs it is there."""

    weight: Annotated[float, Field(ge=0.0, le=100.0)] = Field(
        1.0,
        description="how often an epoch has each pair, on average: 2.5 is twice, and a random half a third time",
    )
    from_epoch: Count = Field(1, description="the first epoch that has the corpus, counted from 1")
    until_epoch: Count | None = Field(None, description="the last epoch that has it; none: to the end")

    @model_validator(mode="after")
    def _ordered(self) -> MixConfig:
        if self.until_epoch is not None and self.until_epoch < self.from_epoch:
            raise ValueError(f"until_epoch {self.until_epoch} is before from_epoch {self.from_epoch}")
        return self

    def covers(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, has pairs of the corpus."""
        return self.weight > 0 and self.from_epoch <= epoch <= (self.until_epoch or epoch)


class CurriculumConfig(Strict):
    """Short sources first (Platanios et al. 2019, with the competence that grows as a square root)."""

    epochs: Count = Field(3, description="epochs until all pairs take part")
    start: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.1, description="share of the pairs, the shortest ones, that the first epoch has"
    )


class DatasetConfig(Strict):
    """What an epoch of training has: which pairs, how segmented, in batches of which size."""

    tokens_per_batch: Count = Field(1024, description="most target tokens of a batch, its padding included")
    max_source_tokens: Count = Field(128, description="longer pairs are left out, or cut: see long_sources")
    max_target_tokens: Count = Field(128, description="longer pairs are left out")
    long_sources: Literal["leave_out", "truncate", "truncate_sentence"] = Field(
        "leave_out",
        description="what training does with pairs of longer sources: leave them out, or cut the source behind the last"
        " word that fits, or behind the last sentence",
    )
    mix: list[MixConfig] | None = Field(
        None, description="one entry per corpus of corpora.train and step of synthetic, in this order"
    )
    curriculum: CurriculumConfig | None = Field(None, description="short sources first; none: all pairs at once")
    subword_sampling: Fraction = Field(
        0.0,
        description="segments the text anew for each epoch. unigram: exponent of the chances of a segmentation, the"
        " lower the more varied (Kudo 2018); bpe: share of the merges that are dropped (Provilkov et al. 2020); 0: off",
    )

    @property
    def cut_limit(self) -> int | None:
        """The most tokens of a source that is validated or scored; None where training leaves longer ones out."""
        return None if self.long_sources == "leave_out" else self.max_source_tokens

    def epoch_without_pairs(self, pairs: list[int], max_epochs: int) -> int | None:
        """Returns the first epoch, counted from 1, in which ``mix`` leaves no pairs; None when there is no such epoch.

        Args:
            pairs: the number of pairs of each part of the training set.
            max_epochs: the last epoch.
        """
        mix = [entry for entry, number in zip(self.mix or [], pairs, strict=True) if number]
        ends = [1, *sorted(entry.until_epoch + 1 for entry in mix if entry.until_epoch is not None)]
        empty = (epoch for epoch in ends if epoch <= max_epochs and not any(entry.covers(epoch) for entry in mix))
        return next(empty, None)


class RiskConfig(Strict):
    """Minimum risk training (Shen et al. 2016): the loss is the expected cost, 1 - score, of outputs that are drawn."""

    metric: Literal["bleu", "chrf"] = Field(
        "bleu", description="the score of a sentence, with evaluation's tokenize and lowercase"
    )
    samples: Count = Field(
        8, description="outputs drawn for each source; dataset.tokens_per_batch counts them and the reference"
    )
    sharpness: Positive = Field(5e-3, description="exponent of an output's probability; small: all count alike")
    likelihood_weight: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        0.0, description="weight of the reference's negative log-likelihood per token, unsmoothed, beside the risk"
    )


class GuidedAlignmentConfig(Strict):
    """Attention is told where to look (Chen et al. 2016): by alignments that are learned from the pairs themselves."""

    weight: Positive = Field(0.2, description="of the cross-entropy per target token, beside the likelihood")


class TrainingConfig(Strict):
    """The training loop."""

    start_from: str | None = Field(
        None, description="a bundle whose weights training starts from: fine-tuning, or an encoder trained before"
    )
    start_parts: list[Literal["encoder", "decoder"]] = Field(
        ["encoder", "decoder"], min_length=1, description="what is taken from it, embeddings of its side included"
    )
    max_epochs: Count = 20
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        0.01, description="of adamw: share of a weight that a step of learning rate 1 takes away"
    )
    learning_rate: Positive = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = Field(400, description="steps of linear warm-up")
    decay: Literal["none", "linear", "cosine", "inverse_sqrt", "halving"] = Field(
        "none",
        description="how the learning rate falls after the warm-up: linear and cosine reach 0 at the end of max_epochs",
    )
    halve_after: Positive = Field(5.0, description="epochs before decay halving begins (Sutskever et al. 2014: 5)")
    halve_every: Positive = Field(0.5, description="epochs from one halving to the next (Sutskever: 0.5; Luong: 1)")
    plateau_patience: Count = Field(2, description="validations without a better score before the learning rate falls")
    plateau_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    plateau_restart: bool = Field(
        False, description="go back to the best weights when the learning rate falls (Denkowski and Neubig 2017)"
    )
    stop_after: Count = Field(6, description="validations without a better score before training stops")
    gradient_clip: Positive = Field(1.0, description="greatest global norm of the gradient")
    label_smoothing: Fraction = 0.1
    validate_every: Annotated[int, Field(ge=0)] = Field(0, description="steps between validations; 0: once an epoch")
    select_on: Literal["bleu", "chrf", "rougeL", "exact", "loss"] = "bleu"
    accumulate: Count = Field(1, description="batches per step; their gradients are added up")
    average: Fraction = Field(0.0, description="decay of an exponential moving average of the weights; 0: none")
    average_checkpoints: Count = Field(
        1, description="validated steps whose mean weights are the result, where they score better than the best alone"
    )
    average_which: Literal["best", "last"] = Field("best", description="of average_checkpoints")
    scheduled_sampling: Fraction = Field(
        0.0, description="share of the tokens fed to the decoder that are its own (Bengio et al. 2015)"
    )
    scheduled_sampling_steps: Count = Field(10_000, description="steps over which that share rises from 0")
    mixed_precision: Literal["bfloat16", "float16"] | None = Field(
        None,
        description="type of the matrix products, for GPUs: half the bytes, several times the rate; all else float32,"
        " float16 with dynamic loss scaling; none: all is float32",
    )
    deterministic: bool = Field(True, description="only operations that give the same bits every time, on a GPU too")
    checkpoint_every: Count = Field(500, description="steps between checkpoints to resume from")
    history_every: Count | None = Field(None, description="steps between losses in history.jsonl; none: 50")
    coverage_after: Count | None = Field(
        None,
        description="steps before attention knows its coverage, which train faster, as if decoder.coverage were false"
        " (See et al. 2017, section 5); none: it does from the first step on",
    )
    coverage_loss: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        0.0, description="weight of the coverage loss (See et al. 2017, eq. 12, 13)"
    )
    coverage_loss_after: Annotated[int, Field(ge=0)] = Field(0, description="steps before it is switched on")
    guided_alignment: GuidedAlignmentConfig | None = Field(
        None, description="teach attention the alignments of a statistical model; none: it finds its own"
    )
    risk: RiskConfig | None = Field(
        None, description="fine-tune on a sentence score instead of the likelihood: minimum risk training"
    )


class EvaluationConfig(Strict):
    """Scores of the test sets."""

    metrics: list[
        Literal[
            "bleu",
            "chrf",
            "chrf++",
            "ter",
            "rouge1",
            "rouge2",
            "rougeL",
            "rougeLsum",
            "exact",
            "wer",
            "per",
            "cer",
            "repetition",
            "comet",
            "bertscore",
            "perplexity",
            "perplexity-word",
            "perplexity-char",
        ]
    ] = Field(["bleu", "chrf"], min_length=1)
    tokenize: Literal[
        "13a", "intl", "char", "zh", "ja-mecab", "ko-mecab", "spm", "flores101", "flores200", "spBLEU-1K", "none"
    ] = "13a"
    lowercase: bool = False
    stemmer: bool = Field(False, description="Porter's stemmer for ROUGE: for English")
    rouge_words: Literal["unicode", "ascii"] = Field(
        "unicode", description="words of ROUGE: of all scripts; ascii: of the letters a to z and digits, as rouge-score"
    )
    bootstrap_samples: Annotated[int, Field(ge=0)] = 1000


class LeaderboardConfig(Strict):
    """Where the scores are recorded."""

    board: Annotated[str, Field(pattern=_NAME)] | None = Field(
        None, description="name of the board; the recipe's name when absent"
    )


class Recipe(Strict):
    """A whole recipe."""

    name: Annotated[str, Field(pattern=_NAME)]
    description: str = ""
    task: Literal["translation", "summarization"] = "translation"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    corpora: CorporaConfig
    synthetic: list[SyntheticConfig] = Field([], description="pairs that trained models make, added to corpora.train")
    cleaning: list[CleaningStep] = Field(default_factory=default_cleaning)
    tokenizer: TokenizerConfig = TokenizerConfig()
    dataset: DatasetConfig = DatasetConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    leaderboard: LeaderboardConfig = LeaderboardConfig()

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        decoder, tie = self.model.decoder, self.model.embedding.tie
        vectors = self.model.encoder.input == "vectors"
        faults = [
            (
                vectors and not all(self.corpora.with_vectors),
                "model.encoder.input is vectors: every corpus must be a mapping with source, an .npz file, and target",
            ),
            (
                not vectors and any(self.corpora.with_vectors),
                "a corpus has an .npz file as its source: set model.encoder.input to vectors",
            ),
            (
                vectors and self.tokenizer.shared,
                "model.encoder.input is vectors: the source has no vocabulary to share, set tokenizer.shared to false",
            ),
            (
                vectors and any(step.normalize is None for step in self.cleaning),
                "model.encoder.input is vectors: cleaning can only normalize the target, the other steps compare or"
                " measure two texts; set cleaning to [] or to [{normalize: {}}]",
            ),
            (
                vectors and bool(self.synthetic),
                "model.encoder.input is vectors: synthetic pairs are of text on both sides, leave synthetic out",
            ),
            (
                tie in SOURCE_TIES and not self.tokenizer.shared,
                f"model.embedding.tie {tie} needs one vocabulary: set tokenizer.shared to true, or tie to target",
            ),
            (
                decoder.copy_source != "none" and not self.tokenizer.shared,
                f"model.decoder.copy_source {decoder.copy_source} writes source tokens:"
                " it needs one vocabulary, tokenizer.shared true",
            ),
            (
                decoder.copy_source == "pointer" and self.training.label_smoothing > 0,
                "model.decoder.copy_source pointer has no vocabulary to smooth over: set training.label_smoothing to 0",
            ),
            (
                self.decoding.coverage_penalty is not None and decoder.attention == "none",
                "decoding.coverage_penalty is of attention: model.decoder.attention is none",
            ),
        ]
        refuse([*faults, *self._training_faults(), *self._training_data_faults()])
        return self

    def _training_faults(self) -> list[tuple[bool, str]]:
        training, words = self.training, self.tokenizer.kind == "word"
        return [
            (
                training.risk is not None and training.start_from is None,
                "training.risk needs a model whose samples are already sensible: set training.start_from to a bundle"
                " that was trained by likelihood",
            ),
            (
                training.risk is not None and len(set(training.start_parts)) < 2,
                "training.risk needs a model whose samples are already sensible: training.start_parts must be"
                " [encoder, decoder]",
            ),
            (
                training.risk is not None and (training.coverage_loss > 0 or training.scheduled_sampling > 0),
                "training.coverage_loss and scheduled_sampling belong to the likelihood, not to training.risk:"
                " set them to 0",
            ),
            (
                training.risk is not None and words and self.model.decoder.copy_source != "none",
                "training.risk scores text, and what a model of words draws and copies has ids alone: use another"
                " tokenizer.kind, or model.decoder.copy_source none",
            ),
            *self._guidance_faults(),
            (
                training.scheduled_sampling > 0 and not self.model.decoder.feed_token,
                "training.scheduled_sampling: model.decoder.feed_token is false, the decoder is fed no tokens",
            ),
            (
                training.coverage_after is not None and not self.model.decoder.coverage,
                "training.coverage_after: model.decoder.coverage is false, attention never knows its coverage",
            ),
            (
                training.coverage_loss > 0 and self.model.decoder.attention == "none",
                "training.coverage_loss is a loss of attention: model.decoder.attention is none",
            ),
        ]

    def _guidance_faults(self) -> list[tuple[bool, str]]:
        guided, name = self.training.guided_alignment is not None, "training.guided_alignment"
        return [
            (
                guided and self.model.decoder.attention == "none",
                f"{name} is a loss of attention: model.decoder.attention is none",
            ),
            (
                guided and self.model.encoder.input == "vectors",
                f"{name} aligns words: model.encoder.input vectors has none",
            ),
            (guided and self.training.risk is not None, f"{name} belongs to the likelihood, not to training.risk"),
            (
                guided and self.dataset.subword_sampling > 0,
                f"{name} aligns the pieces of one segmentation: set dataset.subword_sampling to 0",
            ),
        ]

    def _training_data_faults(self) -> list[tuple[bool, str]]:
        dataset, parts = self.dataset, self.training_parts
        mixed, kind = dataset.mix is not None, self.tokenizer.kind
        wrong = mixed and len(dataset.mix or []) != parts
        empty = dataset.epoch_without_pairs([1] * parts, self.training.max_epochs) if mixed and not wrong else None
        return [
            (
                wrong,
                f"dataset.mix has {len(dataset.mix or [])} entries: it needs {parts}, one per corpus of corpora.train"
                " and step of synthetic, in this order",
            ),
            (
                empty is not None,
                f"dataset.mix leaves epoch {empty} without pairs: some corpus must have a weight above 0 there",
            ),
            (
                dataset.subword_sampling > 0 and kind not in ("unigram", "bpe"),
                f"dataset.subword_sampling: a {kind} vocabulary has one segmentation of a text; set it to 0, or"
                " tokenizer.kind to unigram or bpe",
            ),
            (
                dataset.long_sources != "leave_out" and dataset.subword_sampling > 0,
                "dataset.subword_sampling segments whole sources anew: set dataset.long_sources to leave_out",
            ),
            (
                dataset.long_sources != "leave_out" and self.model.encoder.input == "vectors",
                "dataset.long_sources cuts text: model.encoder.input vectors has none, set it to leave_out",
            ),
            (
                dataset.subword_sampling > 0 and self.model.encoder.input == "vectors",
                "dataset.subword_sampling segments both sides anew: model.encoder.input vectors has no text to segment",
            ),
        ]

    @property
    def training_parts(self) -> int:
        """The number of parts of the training set, in the order of which ``dataset.mix`` has its entries."""
        return len(self.corpora.train) + len(self.synthetic)

    @property
    def board(self) -> str:
        """The leaderboard that the run is recorded on."""
        return self.leaderboard.board or self.name


def json_schema() -> dict[str, Any]:
    """Returns the JSON schema of a recipe, for editors."""
    return Recipe.model_json_schema()


def shipped_folder(name: Literal["corpora", "pipelines"]) -> Path:
    """Returns the folder of the cards or recipes that come with the project, installed or in a checkout."""
    package = Path(__file__).parent
    installed = package / "shipped" / name
    return installed if installed.is_dir() else package.parent / name


def find_recipe(reference: str) -> Path:
    """Returns the file of a recipe given by path, or by name among the recipes that come with the project.

    Raises:
        RecipeError: there is none.
    """
    path = Path(reference)
    if path.is_file():
        return path
    folder = shipped_folder("pipelines")
    names = sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml"))
    if reference in names:
        return folder / f"{reference}.yaml"
    raise RecipeError(
        f"{reference}: there is no such recipe",
        expected=f"a path, or one of {', '.join(names)}",
        action=suggestion(reference, names, "Give the path of a recipe file"),
    )


def load_recipe(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Reads and validates a recipe.

    Args:
        path: the YAML file.
        overrides: settings ``dotted.key=value`` that replace or add to those of the file; values are YAML.

    Raises:
        RecipeError: the file is not YAML, or not a valid recipe; the message lists every fault.
    """
    tree = read_yaml(path)
    for setting in overrides or []:
        override(tree, setting)
    return validate(Recipe, tree, path)
