"""The ``model`` section of a recipe: every network of the line of papers, from the same few parts.

A combination that makes no sense is refused with a reason, before anything runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.strict_yaml import Strict, refuse

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]

SOURCE_TIES = ("all", "source_target", "source_output")
"""The values of ``tie`` that need one vocabulary for both sides."""


class EmbeddingConfig(Strict):
    """Embedding matrices of source, target and output (Press and Wolf 2017)."""

    size: Count = 256
    tie: Literal["all", "target", "source_target", "source_output", "none"] = Field(
        "all", description="which matrices are one: all three, target and output, source and target, source and output"
    )
    source_vectors: str | None = Field(
        None, description="GloVe, word2vec or fastText text file that the source's matrix starts from"
    )
    target_vectors: str | None = Field(None, description="the same for the target's matrix")
    freeze: bool = Field(False, description="keep the matrices that start from vectors as they are")

    @property
    def sides_are_one(self) -> bool:
        """Whether source and target share a matrix."""
        return self.tie in ("all", "source_target")

    @model_validator(mode="after")
    def _vectors_fit(self) -> EmbeddingConfig:
        files = {self.source_vectors, self.target_vectors} - {None}
        if self.freeze and not files:
            raise ValueError(
                "model.embedding.freeze would keep random matrices; give source_vectors or target_vectors as well"
            )
        if self.sides_are_one and len(files) > 1:
            raise ValueError(
                f"model.embedding.tie {self.tie} makes one matrix of both sides, which cannot start from two files"
                f" ({self.source_vectors}, {self.target_vectors}); give one of them, or tie target or none"
            )
        return self


class EncoderConfig(Strict):
    """Encoder. ``units`` is the depth of the memory: a bidirectional layer has half of them per direction."""

    input: Literal["tokens", "vectors"] = Field(
        "tokens", description="vectors: the sources are .npz files, one array [steps, features] per line of the target"
    )
    features: Count | None = Field(None, description="length of a vector, with input vectors")
    layers: Annotated[int, Field(ge=0)] = Field(
        1, description="0, with input vectors: the memory is a linear map of the vectors (Xu et al. 2015)"
    )
    units: Count = 512
    bidirectional: bool | Literal["bottom"] = Field(True, description="every layer, none, or only the bottom one")
    reverse_source: bool = Field(False, description="read the source backwards (Sutskever et al. 2014, section 3.3)")
    residual: bool = Field(False, description="add a layer's input to its output, from the second layer on (GNMT)")
    layer_norm: bool = Field(False, description="normalise the input of every layer (Ba et al. 2016)")


class DecoderConfig(Strict):
    """Decoder: what starts it, what it is fed at every step, and what it attends to."""

    layers: Count = 1
    units: Count = 512
    residual: bool = Field(False, description="add a layer's input to its output, from the second layer on (GNMT)")
    layer_norm: bool = Field(False, description="normalise the input of every layer (Ba et al. 2016)")
    initial_state: Literal["final", "projection", "mean", "zero"] = Field(
        "final",
        description="the encoder's final states (projected where sizes differ), a learned projection of them,"
        " a learned projection of the memory's mean, or zeros",
    )
    feed_summary: bool = Field(False, description="feed the encoder's summary at every step (Cho et al. 2014)")
    feed_token: bool = Field(True, description="feed the previous token; false with feed_summary is RepeatVector")
    attention: Literal["none", "dot", "scaled_dot", "general", "concat", "additive"] = "dot"
    heads: Count = Field(1, description="heads of dot or scaled_dot attention (RNMT+, Chen et al. 2018)")
    window: Literal["global", "local_m", "local_p"] = Field("global", description="Luong et al. 2015, section 3.2")
    window_radius: Count = Field(10, description="D of local attention, in source tokens")
    query: Literal["bottom", "top"] = Field(
        "bottom",
        description="the layer that asks: the bottom one, whose context feeds all above (GNMT, RNMT+),"
        " or the top one, whose context only feeds the readout (Luong et al. 2015)",
    )
    input_feeding: bool = Field(False, description="feed the last readout (Luong et al. 2015, section 3.3)")
    coverage: bool = Field(False, description="attention knows what it has attended to (See et al. 2017, eq. 10, 11)")
    copy_source: Literal["none", "pointer_generator", "pointer"] = Field(
        "none", description="See et al. 2017, eq. 8, 9; Vinyals et al. 2015: only tokens of the source"
    )


class ModelConfig(Strict):
    """The network."""

    cell: Literal["lstm", "gru"] = "lstm"
    embedding: EmbeddingConfig = EmbeddingConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    dropout: Fraction = Field(0.2, description="on embeddings, between layers and on the readout")
    variational_dropout: bool = Field(False, description="one mask for all steps (Gal and Ghahramani 2016)")
    word_dropout: Fraction = Field(0.0, description="share of tokens whose embedding is zero in training")

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        refuse(_vector_faults(self) + _faults(self))
        return self


def _vector_faults(model: ModelConfig) -> list[tuple[bool, str]]:
    """Returns what could be wrong with the encoder's input, as ``_faults`` does."""
    encoder, decoder, embedding = model.encoder, model.decoder, model.embedding
    vectors = encoder.input == "vectors"
    return [
        (
            vectors != (encoder.features is not None),
            "model.encoder.features is the length of a vector: give it with model.encoder.input vectors, and only then",
        ),
        (
            vectors and embedding.tie in SOURCE_TIES,
            f"model.embedding.tie {embedding.tie} ties the source's matrix, and vectors have none: set it to target",
        ),
        (
            vectors and embedding.source_vectors is not None,
            "model.embedding.source_vectors fills the source's matrix, and vectors have none: leave it out",
        ),
        (
            vectors and decoder.copy_source != "none",
            f"model.decoder.copy_source {decoder.copy_source} writes source tokens, and vectors are none",
        ),
        (
            not vectors and encoder.layers == 0,
            "model.encoder.layers is 0: only with model.encoder.input vectors can a source do without layers",
        ),
        (
            encoder.layers == 0 and decoder.initial_state in ("final", "projection"),
            f"model.decoder.initial_state {decoder.initial_state} needs the encoder's final states, and"
            " model.encoder.layers is 0: set it to mean, or to zero with attention",
        ),
    ]


def _faults(model: ModelConfig) -> list[tuple[bool, str]]:
    """Returns what could be wrong with a combination: whether it is, and why it makes no sense."""
    encoder, decoder = model.encoder, model.decoder
    attends, pointer = decoder.attention != "none", decoder.copy_source == "pointer"
    sizes = f"model.encoder.units ({encoder.units}) and model.decoder.units ({decoder.units})"
    return [
        (
            encoder.layers > 0 and encoder.bidirectional is not False and encoder.units % 2 == 1,
            f"model.encoder.units is {encoder.units}; a bidirectional encoder needs an even number",
        ),
        (
            decoder.attention in ("dot", "scaled_dot") and decoder.heads == 1 and encoder.units != decoder.units,
            f"model.decoder.attention {decoder.attention} needs {sizes} to be equal;"
            " use general or additive, or more heads, for unequal sizes",
        ),
        (
            decoder.heads > 1 and decoder.attention not in ("dot", "scaled_dot"),
            f"model.decoder.heads {decoder.heads} needs attention dot or scaled_dot, not {decoder.attention}",
        ),
        (
            encoder.units % decoder.heads > 0 or decoder.units % decoder.heads > 0,
            f"model.decoder.heads {decoder.heads} must divide {sizes}",
        ),
        (
            not attends and (decoder.copy_source != "none" or decoder.coverage or decoder.window != "global"),
            "model.decoder.attention is none: copying, coverage and a window are properties of attention",
        ),
        (
            not attends and decoder.input_feeding,
            "model.decoder.attention is none: input feeding feeds back what attention has found",
        ),
        (
            not attends and decoder.initial_state == "zero" and not decoder.feed_summary,
            "model.decoder.initial_state is zero without attention and feed_summary: the source would not be seen",
        ),
        (
            not decoder.feed_token and not decoder.feed_summary,
            "model.decoder.feed_token is false: then feed_summary must be true, or the decoder is fed nothing",
        ),
        (
            not decoder.feed_token and model.embedding.target_vectors is not None,
            "model.decoder.feed_token is false: there is no target matrix for model.embedding.target_vectors",
        ),
        (
            decoder.coverage and decoder.attention not in ("additive", "concat"),
            f"model.decoder.coverage is a term of additive attention (See et al. 2017), not of {decoder.attention}",
        ),
        (
            pointer and decoder.query == "bottom" and decoder.layers > 1,
            "model.decoder.copy_source pointer answers with attention itself, so the layers above it would be idle:"
            " set query to top, or layers to 1",
        ),
        (
            pointer and decoder.heads > 1,
            "model.decoder.copy_source pointer answers with attention itself: it has one head",
        ),
    ]
