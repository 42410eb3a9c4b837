"""Cleaning: a closed table of steps over pairs, and a report of what each step kept and dropped."""

from nmt.cleaning.files import TrainingPart, clean_files
from nmt.cleaning.normalize import Normalizer, normalizer_of

__all__ = ["Normalizer", "TrainingPart", "clean_files", "normalizer_of"]
