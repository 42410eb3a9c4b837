"""Corpora: cards that describe them, downloads that are verified, readers of every format, generators."""
