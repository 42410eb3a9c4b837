"""Decoding: one search over a step function, and lines in, lines out."""
