"""Which words of the grammar's sentences translate each other."""

from itertools import islice

import pytest

from nmt.corpora.phrases import generate_sentences

# Written by hand: all links of a sentence, word by word.
LINKS = {
    "He is singing in the theatre.": "He=Er is=singt singing=singt in=im the=im theatre.=Theater.",
    "We need an apple.": "We=Wir need=brauchen an=einen apple.=Apfel.",
    "Your son does not lose a small photo.": "Your=Dein son=Sohn does=verliert not=kein lose=verliert a=kein"
    " small=kleines photo.=Foto.",
    "They do not have to buy radios tomorrow.": "They=Sie do=müssen not=keine have=müssen to=müssen buy=kaufen."
    " radios=Radios tomorrow.=morgen",
    "If your sister does not lose the small photos, he will be angry.": "If=Wenn your=deine sister=Schwester"
    " does=verliert, not=nicht lose=verliert, the=die small=kleinen photos,=Fotos he=er will=wird be=sein."
    " angry.=wütend",
    "He calls a clever doctor every morning at ten to two.": "He=Er calls=ruft calls=an. a=einen clever=klugen"
    " doctor=Arzt every=jeden morning=Morgen at=um ten=zehn to=vor two.=zwei",
    "When does he have to invite my clever sister?": "When=Wann does=muss he=er have=muss to=muss"
    " invite=einladen? my=meine clever=kluge sister?=Schwester",
    "I was at home when you sang at the station.": "I=Ich was=war at=zu home=Hause, when=als you=du sang=gesungen"
    " sang=hast. at=am the=am station.=Bahnhof",
}


@pytest.fixture(scope="module")
def sentences():
    return list(islice(generate_sentences("test", 1), 1000))


@pytest.mark.parametrize("english", LINKS)
def test_the_links_of_a_sentence(sentences, english):
    (sentence,) = (each for each in sentences if each.english == english)
    words, german = sentence.english.split(), sentence.german.split()
    assert " ".join(f"{words[i]}={german[j]}" for i, j in sentence.alignment) == LINKS[english]


def test_every_word_has_a_link_and_no_mark_is_left(sentences):
    for english, german, _, alignment in sentences:
        for text, linked in zip((english, german), zip(*alignment, strict=True), strict=True):
            assert set(linked) == set(range(len(text.split()))), text
            assert not any("\ue000" <= character <= "\uf8ff" for character in text)
        assert len(set(alignment)) == len(alignment)


def test_words_of_fixed_meaning_are_linked_with_their_translation(sentences):
    meanings = {"the": {"der", "die", "das", "den", "dem", "im", "am", "zum", "ins"}, "tomorrow": {"morgen"}}
    meanings |= {"because": {"weil"}, "soup": {"Suppe"}, "my": {"mein", "meine", "meinen", "meinem", "meiner"}}
    seen = set()
    for english, german, _, alignment in sentences:
        words, others = ([word.strip(".,?") for word in text.split()] for text in (english, german))
        for i, j in alignment:
            if words[i] in meanings:
                seen.add(words[i])
                assert others[j].lower() in {meaning.lower() for meaning in meanings[words[i]]}, (english, german)
    assert seen == set(meanings)
