"""Neural machine translation and text summarization: staged pipelines around LSTM encoder-decoders."""

__version__ = "0.1.0"
