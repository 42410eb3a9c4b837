"""The page of a board, without a browser: what is in it, and that nothing of it can do anything but be shown.

What it does in a browser is tested in tests/integration/test_board_in_browser.py.
"""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from nmt.evaluation.scores import Score
from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.board import Board
from nmt.leaderboard.board_page import as_page
from nmt.leaderboard.records import Record

ATTACK = "</script><script>alert(1)</script><!--\"'&{{ 1 }}"

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
        self.texts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "img", "input"):
            self.open.append(tag)
        self._script = dict(attributes).get("id") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self._script and self.open and self.open[-1] == "script":
            self.texts[self._script] = self.texts.get(self._script, "") + data


def data_of(page: str) -> dict:
    return json.loads(Tags(page).texts["data"])


def unpack(page: str, key: str):
    return json.loads(zlib.decompress(base64.b64decode(Tags(page).texts[key])))


def test_it_has_scores_signatures_and_digests() -> None:
    data = data_of(as_page(Board("board", [RECORD], ["board.jsonl, line 3: bad"])))
    (system,) = data["systems"]
    assert system["scores"]["news"]["bleu"] == {"value": 36.2149, "low": 35.1, "high": 37.4, "mark": ""}
    assert (system["parameters"], system["minutes"]) == (12345678, 1.5)
    assert data["tests"][0]["columns"][0]["signature"] == "nrefs:1|case:mixed"
    assert data["problems"] == ["board.jsonl, line 3: bad"]
    digests = [digest for _, digest in system["digests"]]
    assert digests[0] == RECORD.digest
    assert digests[1:] == [f"{name}-digest" for name in ("run", "recipe", "bundle", "test", "hypothesis")]


def test_it_shows_the_scores_without_scripts() -> None:
    page = as_page(Board("board", [RECORD]))
    plain = page.split("<noscript>")[1].split("</noscript>")[0]
    assert "<td>1</td><td>small</td><td>36.21 [35.1, 37.4]</td>" in plain


def test_it_is_well_formed_and_needs_nothing_else() -> None:
    page = as_page(Board("board", [RECORD, replace(RECORD, run_digest="2")], ["problem"]))
    tags = Tags(page)
    assert tags.wrong == []
    assert tags.open == []
    for tag, attributes in tags.tags:
        assert tag not in ("link", "iframe", "base")
        assert not {"src", "style", "onclick"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert set(re.findall(r"https?://[^\"'\s]*", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "@import" not in page
    assert "url(" not in page
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page
    assert "document.write" not in page


def test_no_text_can_become_markup() -> None:
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
    other = replace(record, scores={ATTACK: [Score(ATTACK, 2.0, "x")]})
    page = as_page(Board(ATTACK, [record, other], [ATTACK]))
    clean = as_page(Board("b", [RECORD, replace(RECORD, scores={"news": [Score("bleu", 2.0, "x")]})], ["problem"]))
    assert [tag for tag, _ in Tags(page).tags] == [tag for tag, _ in Tags(clean).tags]
    data = data_of(page)
    assert data["systems"][0]["name"] == ATTACK
    assert data["problems"] == [ATTACK]


def test_the_policy_allows_exactly_the_inline_style_and_script() -> None:
    page = as_page(Board("board", [RECORD]))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1]


def test_texts_and_scores_of_sentences_are_packed_once(tmp_path: Path) -> None:
    source, reference = ["eins zwei drei vier", "fünf"], ["one two three four", "five </script>"]
    for name, lines in {"test.de": source, "test.en": reference, "a.en": reference, "b.en": source}.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    files = {"source": tmp_path / "test.de", "references": (str(tmp_path / "test.en"),), "bootstrap_samples": 0}
    enter_files(tmp_path, Additions("board", "a", tmp_path / "a.en", **files))
    enter_files(tmp_path, Additions("board", "b", tmp_path / "b.en", bootstrap_samples=0))
    page = as_page(Board.read(tmp_path, "board"))
    (test,) = data_of(page)["tests"]
    assert unpack(page, test["source"]) == source
    assert [unpack(page, key) for key in test["hypotheses"].values()] == [reference, source, source]
    assert test["hypotheses"]["0"] == test["references"][0]["key"]  # the same text is there once
    bleu = test["columns"][0]
    assert unpack(page, bleu["sentences"]["0"]) == [1000, 1000]
    assert bleu["ranks"] == {"0": 1, "1": 2, "2": 2}
    assert [len(row) for row in bleu["p"]] == [0, 1, 2]
    assert sum(bucket["size"] for bucket in bleu["length"]) == 2


def test_a_text_that_was_altered_is_a_problem_and_the_page_is_made(tmp_path: Path) -> None:
    for name in ("test.de", "test.en", "a.en"):
        (tmp_path / name).write_text(f"{name} one two three four\n", encoding="utf-8")
    files = {"source": tmp_path / "test.de", "references": (str(tmp_path / "test.en"),), "bootstrap_samples": 0}
    added, _ = enter_files(tmp_path, Additions("board", "a", tmp_path / "a.en", **files))
    path = tmp_path / "texts" / f"{added[0].hypothesis_digests['test']}.txt.gz"
    path.write_bytes((tmp_path / "texts" / f"{added[0].source_digests['test']}.txt.gz").read_bytes())
    board = Board.read(tmp_path, "board")
    data = data_of(as_page(board))
    assert any("altered after it was kept" in problem for problem in data["problems"])
    assert list(data["tests"][0]["hypotheses"]) == ["1"]
    assert data["tests"][0]["columns"][0]["ranks"] == {"0": 1, "1": 2}
