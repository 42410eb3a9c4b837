"""The page of a board in a real Chromium: opened from its file, by mouse and by keyboard, on a desk and on a phone."""

import random
from pathlib import Path

import pytest
from chromium import Page, find_chromium

from nmt.evaluation.scores import Score
from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.board import Board
from nmt.leaderboard.board_page import as_page
from nmt.leaderboard.records import append_record, board_path, read_records
from nmt.storage import write_bytes

PROGRAM = find_chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on the path, nor in $CHROMIUM")

ATTACK = '<img src=x onerror="window.broken = 1"></script><script>window.broken = 1</script>'
WORDS = [
    "the",
    "a",
    "small",
    "old",
    "new",
    "house",
    "garden",
    "book",
    "river",
    "child",
    "reads",
    "sees",
    "under",
    "near",
]
LINES = 120


def sentences(generator: random.Random, noise: float, lines: list[str]) -> list[str]:
    return [
        " ".join(generator.choice(WORDS) if generator.random() < noise else word for word in line.split())
        for line in lines
    ]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of five systems and a baseline; one of them attacks with its name and its text."""
    folder = tmp_path_factory.mktemp("board")
    generator = random.Random(7)
    reference = [" ".join(generator.choices(WORDS, k=generator.randint(5, 20))) for _ in range(LINES)]
    texts = {"test.de": [line.upper() for line in reference], "test.en": reference, "other.en": reference[::-1]}
    noises = {"best": 0.05, "nearly": 0.06, "middle": 0.3, "worst": 0.7}
    texts |= {f"{name}.en": sentences(generator, noise, reference) for name, noise in noises.items()}
    attack = sentences(generator, 0.4, reference)
    texts["attack.en"] = [f"{ATTACK} {attack[0]}", *attack[1:]]
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    references = (f"A={folder / 'test.en'}", f"B={folder / 'other.en'}")
    files = {"source": folder / "test.de", "references": references, "languages": "de-en"}
    boards = folder / "boards"
    for number, name in enumerate([*noises, "attack"], start=1):
        system = ATTACK if name == "attack" else name
        costs = {"parameters": 10**number, "training_minutes": 7.5 * number}
        enter_files(boards, Additions("board", system, folder / f"{name}.en", bootstrap_samples=50, **files, **costs))
    path = folder / "board.html"
    write_bytes(path, as_page(Board.read(boards, "board")).encode("utf-8"))
    return path


@pytest.fixture(scope="module")
def window():
    assert PROGRAM is not None
    with Page(PROGRAM) as page:
        yield page


@pytest.fixture
def page(window: Page, board: Path):
    window.errors.clear()
    window.requests.clear()
    window.resize(1280, 900)
    window.open(board)
    yield window
    assert window.errors == []
    assert {address.partition(":")[0] for address in window.requests} <= {"file", "about", "data"}


def names(page: Page) -> list[str]:
    return page.run("[...document.querySelectorAll('#table .name')].map(name => name.textContent)")


def choose(page: Page, selector: str, value: str) -> None:
    """Sets a field as a person would: the page hears of it."""
    page.run(
        f"(() => {{ const field = document.querySelector({selector!r}); field.value = {value!r};"
        " field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change')); })()"
    )


def click(page: Page, selector: str) -> None:
    page.run(f"document.querySelector({selector!r}).click()")


def compare(page: Page) -> None:
    click(page, "#tab-compare")
    page.wait("document.querySelectorAll('#sentences > li').length > 0")


def test_the_ranking_is_best_first_and_near_ones_share_a_rank(page: Page) -> None:
    assert names(page) == ["best", "nearly", "middle", ATTACK, "worst", "copy of the source"]
    ranks = page.run("[...document.querySelectorAll('#table .rank b')].map(rank => rank.textContent)")
    assert ranks == ["1", "1", "3", "4", "5", "6"]
    assert "paired bootstrap" in page.run("document.getElementById('ranking-note').textContent")


def test_columns_sort_both_ways(page: Page) -> None:
    best_first = names(page)
    click(page, "[data-key=score-bleu] button")
    assert names(page) == best_first
    assert page.run("document.querySelector('[data-key=score-bleu]').getAttribute('aria-sort')") == "descending"
    click(page, "[data-key=score-bleu] button")
    assert names(page) == best_first[::-1]
    click(page, "[data-key=name] button")
    assert names(page)[1:] == ["best", "copy of the source", "middle", "nearly", "worst"]
    click(page, "[data-key=parameters] button")
    assert names(page) == [ATTACK, "worst", "middle", "nearly", "best", "copy of the source"]  # without a cost: last


def test_the_filter_and_the_baselines(page: Page) -> None:
    choose(page, "#filter", "E")
    assert names(page) == ["best", "nearly", "middle", ATTACK, "copy of the source"]
    choose(page, "#filter", "middle")
    assert names(page) == ["middle"]
    assert page.run("document.getElementById('shown').textContent") == "1 of 6 systems"
    choose(page, "#filter", "")
    click(page, "#baselines")
    assert "copy of the source" not in names(page)


def test_the_metric_and_the_test_set_can_be_switched(page: Page) -> None:
    value = "document.querySelector('#table td.main').textContent"
    bleu = page.run(value)
    click(page, "#metrics input[value=chrf]")
    chrf = page.run(value)
    assert chrf != bleu
    assert "Best first by chrF" in page.run("document.getElementById('ranking-note').textContent")
    choose(page, "#test", "1")
    assert page.run(value) != chrf
    assert "test=1" in page.run("location.hash")
    assert "metric=chrf" in page.run("location.hash")


def test_a_system_opens_to_what_is_known_of_it(page: Page) -> None:
    click(page, "#table .name")
    text = page.run("document.querySelector('#table .details').textContent")
    assert "7.5 minutes" in text
    assert "Digests and recipe" in text
    click(page, "#table .name")
    assert not page.run("document.querySelector('#table .details')")


def test_two_systems_are_compared_sentence_by_sentence(page: Page) -> None:
    compare(page)
    assert page.run("document.querySelector('#a').selectedOptions[0].textContent") == "best"
    choose(
        page, "#b", page.run("[...document.querySelectorAll('#b option')].find(o => o.textContent === 'worst').value")
    )
    page.wait("document.getElementById('verdict').textContent.includes('is significant')")
    choose(page, "#order", "loss")
    gains = "[...document.querySelectorAll('#sentences .head span:last-child')].map(text => text.textContent)"
    losses = [float(text.removeprefix("A better by ")) for text in page.run(gains) if text.startswith("A ")]
    assert len(losses) > 20
    assert losses == sorted(losses, reverse=True)
    first = "document.querySelector('#sentences > li')"
    marked = page.run(f"[...{first}.querySelectorAll('.of-a mark, .of-b mark')].map(mark => mark.textContent)")
    texts = [page.run(f"{first}.querySelector('.of-{side}').textContent") for side in "ab"]
    assert marked
    assert all(any(mark in text for text in texts) for mark in marked)
    choose(page, "#marks", "none")
    assert not page.run("document.querySelector('#sentences mark')")
    choose(page, "#search", "no such text")
    assert page.run("document.getElementById('found').textContent").startswith("0 of 120 sentences")
    choose(page, "#search", texts[0][:20].upper())
    assert page.run("document.querySelectorAll('#sentences > li').length") >= 1


def test_more_sentences_come_when_they_are_wanted(page: Page) -> None:
    compare(page)
    click(page, "#different")
    shown = "document.querySelectorAll('#sentences > li').length"
    assert page.run(shown) < 120
    for _ in range(3):
        before = page.run(shown)
        page.run("window.scrollTo(0, document.body.scrollHeight)")
        page.wait(f"{shown} > {before} || {shown} === 120")
    assert page.run(shown) == 120
    assert page.run("document.getElementById('more').hidden")


def test_the_matrix_says_which_differences_are_significant_and_opens_a_comparison(page: Page) -> None:
    click(page, "#tab-significance")
    assert page.run("document.querySelectorAll('#matrix td button').length") == 30
    label = page.run("document.querySelector('#matrix td.better button').getAttribute('aria-label')")
    assert label.startswith("best is significantly better than middle, p = ")
    click(page, "#matrix td.better button")
    page.wait("document.querySelectorAll('#sentences > li').length > 0")
    assert page.run("[a, b].map(field => field.selectedOptions[0].textContent)") == ["middle", "best"]


def test_the_plots(page: Page) -> None:
    click(page, "#tab-plots")
    for figure in ("length", "frequency"):
        assert page.run(f"document.querySelectorAll('#{figure} polyline').length") == 5
    assert page.run("document.querySelectorAll('#cost svg circle').length") == 5
    assert page.run("document.querySelectorAll('#history svg circle').length") >= 1
    click(page, "#chosen input")
    assert page.run("document.querySelectorAll('#length polyline').length") == 4
    choose(page, "#cost select", "minutes")
    assert "training, minutes" in page.run("document.querySelector('#cost svg').textContent")


def test_a_place_in_the_page_can_be_passed_on(page: Page, board: Path) -> None:
    compare(page)
    page.wait("location.hash.includes('b=')")
    before = page.run("location.hash")
    choose(
        page, "#b", page.run("[...document.querySelectorAll('#b option')].find(o => o.textContent === 'middle').value")
    )
    page.wait(f"location.hash !== {before!r}")
    place = page.run("location.hash")
    page.open(board, place)
    page.wait("document.querySelectorAll('#sentences > li').length > 0")
    assert page.run("[a, b].map(field => field.selectedOptions[0].textContent)") == ["best", "middle"]


def test_markup_and_script_in_names_and_texts_do_nothing(page: Page) -> None:
    scripts = page.run("document.scripts.length")
    for tab in ("significance", "plots", "about", "ranking"):
        click(page, f"#tab-{tab}")
    compare(page)
    choose(
        page,
        "#b",
        page.run("[...document.querySelectorAll('#b option')].find(o => o.textContent.includes('<img')).value"),
    )
    choose(page, "#order", "place")
    choose(page, "#search", "onerror")
    page.wait("document.querySelectorAll('#sentences > li').length === 1")
    assert ATTACK in page.run("document.querySelector('#sentences .of-b').textContent")
    assert page.run("typeof window.broken") == "undefined"
    assert page.run("document.images.length") == 0
    assert page.run("document.scripts.length") == scripts


def test_all_of_it_works_by_keyboard(page: Page) -> None:
    page.run("document.getElementById('tab-ranking').focus()")
    page.press("ArrowRight")
    page.wait("document.querySelectorAll('#sentences > li').length > 0")
    assert page.run("document.activeElement.id") == "tab-compare"
    page.press("ArrowLeft")
    assert page.run("document.activeElement.id") == "tab-ranking"
    for _ in range(3):  # the region of the table, then the heads of two columns
        page.press("Tab")
    assert page.run("document.activeElement.textContent") == "system"
    page.press("Enter")
    assert page.run("document.querySelector('[data-key=name]').getAttribute('aria-sort')") == "ascending"
    assert page.run("document.activeElement.textContent") == "system"  # the focus stays
    unnamed = page.run(
        "[...document.querySelectorAll('button, select, input')].filter(field => !field.textContent.trim() &&"
        " !field.getAttribute('aria-label') && !field.closest('label')).map(field => field.id)"
    )
    assert unnamed == []


@pytest.mark.parametrize("tab", ["ranking", "compare", "significance", "plots", "about"])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, board: Path, tab: str) -> None:
    page.resize(360, 740)
    page.open(board, f"#tab={tab}")
    if tab == "compare":
        page.wait("document.querySelectorAll('#sentences > li').length > 0")
    assert page.run("document.documentElement.scrollWidth") <= 360


def test_records_without_texts_are_shown(page: Page, board: Path, tmp_path: Path) -> None:
    records, _ = read_records(board_path(board.parent / "boards", "board"))
    fields = {"source_digests": {}, "reference_digests": {}, "scores": {"old": [Score("bleu", 1.0, "s")]}}
    bare = board_path(tmp_path, "bare")
    append_record(bare, type(records[0])(**{**vars(records[0]), **fields}))
    path = tmp_path / "bare.html"
    path.write_text(as_page(Board.read(tmp_path, "bare")), encoding="utf-8")
    page.open(path)
    assert names(page) == ["best"]
    for tab in ("significance", "plots", "about", "compare"):
        click(page, f"#tab-{tab}")
    page.wait("document.getElementById('verdict').textContent.includes('No texts are kept')")


def test_an_empty_board(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(as_page(Board("empty", [], ["line 1: torn"])), encoding="utf-8")
    page.open(path)
    text = page.run("document.getElementById('app').textContent")
    assert "No records." in text
    assert "line 1: torn" in text
