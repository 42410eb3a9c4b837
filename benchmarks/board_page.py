"""Measures in a real Chromium how fast the page of a board opens, sorts, filters, and compares two systems.

python benchmarks/board_page.py                       # 50 systems, 3,000 sentences, and 2 systems, 1,000 sentences
python benchmarks/board_page.py --page board.html     # a page of your own
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration"))

from chromium import Page, find_chromium

from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.board import Board
from nmt.leaderboard.board_page import as_page

# Each runs in the page and returns milliseconds, to the frame in which the result is painted.
_PAINTED = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)));"
_COMPARE = """(async () => {{
  const began = performance.now();
  $("tab-compare").click();
  while (!document.querySelector("#sentences > li")) await new Promise(done => setTimeout(done, 1));
  {painted}
  return performance.now() - began;
}})()"""
_TIMED = "(async () => {{ const began = performance.now(); {action}; {painted} return performance.now() - began; }})()"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit("there is no Chromium on the path, nor in $CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        pages = [arguments.page] if arguments.page else [made(Path(folder), 2, 1000), made(Path(folder), 50, 3000)]
        for page in pages:
            measure(program, page)


def made(folder: Path, systems: int, lines: int) -> Path:
    """Returns the page of a board of systems that differ in how many of their words are wrong."""
    generator = random.Random(1)
    words = ["".join(generator.choices("abcdefghijklmnop", k=generator.randint(2, 9))) for _ in range(5000)]
    frequency = [1 / rank for rank in range(1, len(words) + 1)]
    reference = [" ".join(generator.choices(words, frequency, k=generator.randint(5, 40))) for _ in range(lines)]
    place = folder / f"{systems}-{lines}"
    (place / "outputs").mkdir(parents=True)
    write(place / "test.de", [line.upper() for line in reference])
    write(place / "test.en", reference)
    for number in range(systems):
        wrong = 0.1 + 0.3 * number / systems
        output = [
            " ".join(generator.choice(words) if generator.random() < wrong else word for word in line.split())
            for line in reference
        ]
        write(place / "outputs" / f"system-{number:02}.en", output)
    files = {"source": place / "test.de", "references": (str(place / "test.en"),), "bootstrap_samples": 100}
    enter_files(place, Additions("board", hypotheses=place / "outputs", **files))
    began = time.perf_counter()
    page = place / f"{systems} systems, {lines} sentences.html"
    page.write_text(as_page(Board.read(place, "board")), encoding="utf-8")
    print(f"{page.stem}: made in {time.perf_counter() - began:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
    return page


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def measure(program: str, path: Path) -> None:
    """Prints the median of five, in milliseconds."""
    actions = {
        "sort": 'document.querySelector("[data-key=name] button").click()',
        "filter": '$("filter").value = "1"; $("filter").dispatchEvent(new Event("input"))',
        "significance": '$("tab-significance").click()',
        "plots": '$("tab-plots").click()',
    }
    figures: dict[str, list[float]] = {}
    for _ in range(5):
        with Page(program) as page:
            page.open(path)
            page.wait("!document.getElementById('app').hidden")
            loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
            page.wait(f"{loaded} > 0")
            figures.setdefault("open", []).append(page.run(loaded))
            for name, action in actions.items():
                figures.setdefault(name, []).append(page.run(_TIMED.format(action=action, painted=_PAINTED)))
            figures.setdefault("compare", []).append(page.run(_COMPARE.format(painted=_PAINTED)))
            searched = '$("search").value = "ab"; $("search").dispatchEvent(new Event("input"))'
            figures.setdefault("search", []).append(page.run(_TIMED.format(action=searched, painted=_PAINTED)))
            if page.errors:
                sys.exit("\n".join(page.errors))
    shown = ", ".join(f"{name} {sorted(values)[len(values) // 2]:,.0f} ms" for name, values in figures.items())
    print(f"{path.stem}: {shown}")


if __name__ == "__main__":
    main()
