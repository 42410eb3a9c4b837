import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

from nmt.evaluation.scores import Score
from nmt.leaderboard.page import as_page
from nmt.leaderboard.records import Record

ATTACK = "<script>alert(1)</script>\"'&"

RECORD = Record(
    board="board",
    system="small",
    time="2026-01-02T03:04:05Z",
    recipe={"name": "small"},
    recipe_digest="recipe-digest",
    run_digest="run-digest",
    seed=1,
    version="0.1.0",
    scores={"news": [Score("bleu", 36.2149, "nrefs:1|case:mixed", 35.1, 37.4, 100)]},
    test_digests={"news": "test-digest"},
    hypothesis_digests={"news": "hypothesis-digest"},
    bundle_digest="bundle-digest",
    parameters=12345678,
    training_seconds=90.0,
)


class Tags(HTMLParser):
    """Collects the tags of a page, and those that were closed in the wrong order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_it_shows_scores_signatures_and_digests() -> None:
    page = as_page("board", [RECORD], ["board.jsonl, line 3: bad"])
    for text in ("36.21 [35.1, 37.4]", "nrefs:1|case:mixed", "12,345,678", ">1.5<", "board.jsonl, line 3: bad"):
        assert text in page
    for digest in ("recipe", "run", "test", "hypothesis", "bundle"):
        assert f"{digest}-digest" in page
    assert RECORD.digest in page


def test_it_is_well_formed_and_needs_nothing_else() -> None:
    page = as_page("board", [RECORD, replace(RECORD, run_digest="2")], ["problem"])
    tags = Tags(page)
    assert tags.wrong == []
    assert tags.open == []
    for tag, attributes in tags.tags:
        assert tag not in ("link", "iframe", "base")
        assert not {"src", "href", "style", "onclick"} & attributes.keys()
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_every_text_is_escaped() -> None:
    record = replace(
        RECORD,
        system=ATTACK,
        time=ATTACK,
        recipe={ATTACK: ATTACK},
        scores={ATTACK: [Score(ATTACK, 1.0, ATTACK)]},
        test_digests={ATTACK: ATTACK},
        hypothesis_digests={ATTACK: ATTACK},
        bundle_digest=ATTACK,
    )
    page = as_page(ATTACK, [record, replace(record, scores={ATTACK: [Score(ATTACK, 2.0, "x")]})], [ATTACK])
    assert "<script>alert" not in page
    assert sum(tag == "script" for tag, _ in Tags(page).tags) == 1


def test_the_policy_allows_exactly_the_inline_style_and_script() -> None:
    page = as_page("board", [RECORD], [])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1]


def test_columns_sort_by_numbers_not_by_their_text() -> None:
    values = [attributes.get("data-value") for tag, attributes in Tags(as_page("b", [RECORD], [])).tags if tag == "td"]
    assert "36.2149" in values
    assert "12345678" in values
