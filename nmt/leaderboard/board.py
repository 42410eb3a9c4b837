"""A board: its records, which of their scores compare, and the ranks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.leaderboard.comparison import Column, Comparison, scores_of
from nmt.leaderboard.records import Record, board_path, read_records

if TYPE_CHECKING:
    from nmt.leaderboard.analysis import Analysis


class Board:
    """What is shown of a board.

    Args:
        name: of the board.
        records: in the order of the file.
        problems: one message for each line that is damaged or was altered.
        leaderboards: the folder with the texts; without it, ranks do not say what is significant.
    """

    def __init__(
        self, name: str, records: Sequence[Record], problems: Sequence[str] = (), leaderboards: Path | None = None
    ) -> None:
        self.name = name
        self.records = list(records)
        self.comparison = Comparison.of(records)
        self._problems = list(problems)
        self._leaderboards = leaderboards

    @classmethod
    def read(cls, leaderboards: Path, name: str) -> Board:
        """Reads a board of a folder.

        Raises:
            DataError: there is no such board.
            UsageError: it cannot be a board's name.
        """
        return cls(name, *read_records(board_path(leaderboards, name)), leaderboards)

    @cached_property
    def analysis(self) -> Analysis | None:
        """What the texts say, where there may be some."""
        if self._leaderboards is None or not any(record.source_digests for record in self.records):
            return None
        from nmt.leaderboard.analysis import Analysis

        return Analysis(self.records, self.comparison, self._leaderboards)

    @property
    def problems(self) -> list[str]:
        """What is wrong with the file, and with the texts as far as they were read."""
        return [*self._problems, *(self.analysis.problems if self.analysis else [])]

    def is_tested(self, column: Column) -> bool:
        """Whether the ranks in a column say what is significant: the texts of all its systems are kept."""
        return self._tested_ranks(column) is not None

    def ranked(self, column: Column | None = None) -> list[tuple[int | None, Record]]:
        """Returns the records best first, with their ranks.

        Systems that are not significantly different from the best of their rank share it, where the texts are kept;
        else only equal scores do. Records without that score, or whose score is not comparable, come last and have no
        rank.

        Args:
            column: test set and metric; the first of the board by default.
        """
        if not self.comparison.columns:
            return [(None, record) for record in self.records]
        chosen = column or self.comparison.columns[0]
        keys = [self._key(record, chosen) for record in self.records]
        ordered = sorted(keys)
        tested = self._tested_ranks(chosen)
        return [
            (
                None if keys[index][0] else tested[index] if tested else ordered.index(keys[index]) + 1,
                self.records[index],
            )
            for index in sorted(range(len(keys)), key=lambda index: keys[index])
        ]

    def _key(self, record: Record, column: Column) -> tuple[int, float]:
        """Returns what records are sorted by: 0 and the score, turned so that less is better; 1 or 2 has no rank."""
        score = scores_of(record).get(column)
        if score is None:
            return 2, 0.0
        comparable = not self.comparison.mark(record, column, score)
        return int(not comparable), score.value * (1 if score.lower_is_better else -1)

    def _tested_ranks(self, column: Column) -> dict[int, int] | None:
        """Returns the ranks by the places of the records, or None where the text of one of them is not kept."""
        standing = self.analysis.standing(column) if self.analysis else None
        wanted = {index for index, record in enumerate(self.records) if self._key(record, column)[0] == 0}
        return standing.ranks if standing and wanted <= standing.ranks.keys() else None
