"""Cleaning: a closed table of steps over a stream of pairs, and a report of what each step kept and dropped."""

from nmt.cleaning.files import TrainingPart, clean_files
from nmt.cleaning.normalize import Normalizer, normalizer_of
from nmt.cleaning.run import CleaningRun, clean

__all__ = ["CleaningRun", "Normalizer", "TrainingPart", "clean", "clean_files", "normalizer_of"]
