"""The words of the phrase grammar: what each English word is in German, and how both are inflected.

The tables are text, one entry per line, because that is how they are read and corrected best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Case = Literal["nominative", "accusative", "dative"]


@dataclass(frozen=True)
class Noun:
    """A noun. ``oblique`` is the German accusative and dative singular, other than the nominative in weak nouns only.

    ``possessive`` is what belongs to it in English (his, her), or empty where that depends on who is meant.
    """

    english: str
    english_plural: str
    german: str
    german_plural: str
    gender: str
    group: str
    oblique: str
    possessive: str

    @property
    def is_countable(self) -> bool:
        """Whether it has a plural."""
        return self.english_plural != "-"


@dataclass(frozen=True)
class Verb:
    """A verb.

    Attributes:
        english: base form; ``past`` and ``progressive`` are its other forms.
        particle: English word that always follows it (look *for*), or empty.
        german: infinitive without the separable ``prefix``.
        changed: stem of the second and third person singular where its vowel changes, or empty.
        participle: second participle, with the prefix.
        auxiliary: verb of the perfect, haben or sein.
        kind: ``event`` (is buying), ``simple`` (sees, never is seeing) or ``state`` (present tense only).
        frame: what it governs: accusative, dative, both, a preposition with its case, or a ``place``.
        objects: names of nouns, groups of nouns or kinds of places that it takes.
    """

    english: str
    past: str
    progressive: str
    particle: str
    german: str
    prefix: str
    changed: str
    participle: str
    auxiliary: str
    kind: str
    frame: str
    objects: tuple[str, ...]


# English, plural, German, plural, gender, then either the German oblique case or the English possessive or both.
_NOUNS = {
    "person": """
        man men Mann Männer m his
        woman women Frau Frauen f her
        child children Kind Kinder n
        girl girls Mädchen Mädchen n
        boy boys Junge Jungen m Jungen his
        teacher teachers Lehrer Lehrer m
        doctor doctors Arzt Ärzte m
        neighbour neighbours Nachbar Nachbarn m Nachbarn
        student students Student Studenten m Studenten
        farmer farmers Bauer Bauern m Bauern
        waiter waiters Kellner Kellner m his
        guest guests Gast Gäste m""",
    "relative": """
        brother brothers Bruder Brüder m his
        sister sisters Schwester Schwestern f her
        mother - Mutter - f her
        father - Vater - m his
        daughter daughters Tochter Töchter f her
        son sons Sohn Söhne m his
        aunt aunts Tante Tanten f her
        uncle uncles Onkel Onkel m his""",
    "animal": """
        dog dogs Hund Hunde m
        cat cats Katze Katzen f
        horse horses Pferd Pferde n
        bird birds Vogel Vögel m""",
    "thing": """
        car cars Auto Autos n
        bicycle bicycles Fahrrad Fahrräder n
        lamp lamps Lampe Lampen f
        table tables Tisch Tische m
        chair chairs Stuhl Stühle m
        house houses Haus Häuser n
        door doors Tür Türen f
        window windows Fenster Fenster n
        key keys Schlüssel Schlüssel m
        clock clocks Uhr Uhren f
        bag bags Tasche Taschen f
        suitcase suitcases Koffer Koffer m
        box boxes Kiste Kisten f
        ball balls Ball Bälle m
        cup cups Tasse Tassen f
        radio radios Radio Radios n
        computer computers Computer Computer m
        flower flowers Blume Blumen f""",
    "garment": """
        coat coats Mantel Mäntel m
        shirt shirts Hemd Hemden n
        dress dresses Kleid Kleider n
        jacket jackets Jacke Jacken f""",
    "text": """
        book books Buch Bücher n
        newspaper newspapers Zeitung Zeitungen f
        letter letters Brief Briefe m
        story stories Geschichte Geschichten f
        song songs Lied Lieder n""",
    "picture": """
        picture pictures Bild Bilder n
        photo photos Foto Fotos n""",
    "transport": """
        bus buses Bus Busse m
        train trains Zug Züge m""",
    "event": """
        concert concerts Konzert Konzerte n
        film films Film Filme m
        party parties Feier Feiern f""",
    "food": """
        apple apples Apfel Äpfel m
        egg eggs Ei Eier n
        tomato tomatoes Tomate Tomaten f
        potato potatoes Kartoffel Kartoffeln f
        cake cakes Kuchen Kuchen m""",
    "dish": """
        bread - Brot - n
        soup - Suppe - f
        cheese - Käse - m
        meat - Fleisch - n""",
    "drink": """
        coffee - Kaffee - m
        tea - Tee - m
        milk - Milch - f
        water - Wasser - n""",
}

# English base, past, progressive, particle, German infinitive, prefix, changed stem, participle, auxiliary, kind,
# frame, objects.
_VERBS = """
    buy bought buying - kaufen - - gekauft haben event accusative thing,garment,text,picture,food,dish,drink
    sell sold selling - verkaufen - - verkauft haben event accusative thing,garment,picture,food,horse,book,newspaper
    look looked looking for suchen - - gesucht haben event accusative person,animal,key,bag,suitcase,book,garment,photo
    find found finding - finden - - gefunden haben simple accusative key,bag,book,photo,dog,cat,ball,letter,garment
    lose lost losing - verlieren - - verloren haben simple accusative key,bag,ball,letter,garment,photo
    forget forgot forgetting - vergessen - vergiss vergessen haben simple accusative key,bag,book,letter,coat,jacket
    read read reading - lesen - lies gelesen haben event accusative book,newspaper,letter,story
    write wrote writing - schreiben - - geschrieben haben event accusative book,letter,story,song
    paint painted painting - malen - - gemalt haben event accusative picture,flower,animal,house
    repair repaired repairing - reparieren - - repariert haben event accusative car,bicycle,lamp,chair,clock
    wash washed washing - waschen - wäsch gewaschen haben event accusative car,cup,garment,apple,window,dog,tomato
    eat ate eating - essen - iss gegessen haben event accusative food,dish
    drink drank drinking - trinken - - getrunken haben event accusative drink
    cook cooked cooking - kochen - - gekocht haben event accusative soup,meat,egg,potato
    carry carried carrying - tragen - träg getragen haben event accusative bag,suitcase,box,chair,table
    open opened opening - machen auf - aufgemacht haben event accusative door,window,box,suitcase,bag
    close closed closing - machen zu - zugemacht haben event accusative door,window,box,suitcase,bag
    bring brought bringing back bringen zurück - zurückgebracht haben event accusative book,bicycle,key,bag,picture,ball
    pick picked picking up holen ab - abgeholt haben event accusative person,relative
    invite invited inviting - laden ein läd eingeladen haben event accusative person,relative
    call called calling - rufen an - angerufen haben event accusative person,relative
    put put putting on ziehen an - angezogen haben event accusative garment
    turn turned turning on machen an - angemacht haben event accusative lamp,radio,computer
    visit visited visiting - besuchen - - besucht haben event accusative person,relative
    see saw seeing - sehen - sieh gesehen haben simple accusative person,relative,animal,thing,picture,transport
    hear heard hearing - hören - - gehört haben simple accusative person,relative,animal,song,radio
    need needed needing - brauchen - - gebraucht haben state accusative thing,garment,book,food,drink
    love loved loving - lieben - - geliebt haben state accusative person,relative,animal,drink,song
    know knew knowing - kennen - - gekannt haben state accusative person,relative,story,song,book
    help helped helping - helfen - hilf geholfen haben event dative person,relative
    thank thanked thanking - danken - - gedankt haben event dative person,relative
    wait waited waiting for warten - - gewartet haben event auf,accusative person,relative,transport
    talk talked talking to sprechen - sprich gesprochen haben event mit,dative person,relative
    play played playing with spielen - - gespielt haben event mit,dative child,girl,boy,animal,ball
    give gave giving - geben - gib gegeben haben event both book,letter,key,ball,bag,flower,food,picture,photo
    show showed showing - zeigen - - gezeigt haben event both book,letter,picture,photo,car,house,garment,dog,horse
    send sent sending - schicken - - geschickt haben event both book,letter,photo,picture,flower,newspaper
    go went going - gehen - - gegangen sein event place direction
    work worked working - arbeiten - - gearbeitet haben event place location
    sit sat sitting - sitzen - - gesessen haben event place location
    sleep slept sleeping - schlafen - schläf geschlafen haben event place location
    stay stayed staying - bleiben - - geblieben sein event place location
    sing sang singing - singen - - gesungen haben event place location
    dance danced dancing - tanzen - - getanzt haben event place location
    arrive arrived arriving - kommen an - angekommen sein event place arrival
    be - - - sein - - - - state feeling feeling
"""
_LEAVE = "leave left leaving - fahren ab fähr abgefahren sein simple clock transport"
_BEGIN = "begin began beginning - beginnen - - begonnen haben simple clock event"
_COST = "cost cost costing - kosten - - gekostet haben simple price thing,garment,text,picture"

PLACES = {
    "direction": {
        "to school": "in die Schule",
        "to the park": "in den Park",
        "to the market": "auf den Markt",
        "to the station": "zum Bahnhof",
        "to the theatre": "ins Theater",
        "to the cinema": "ins Kino",
        "to the beach": "an den Strand",
        "into the garden": "in den Garten",
        "into the kitchen": "in die Küche",
        "home": "nach Hause",
    },
    "location": {
        "at school": "in der Schule",
        "in the park": "im Park",
        "at the market": "auf dem Markt",
        "at the station": "am Bahnhof",
        "in the theatre": "im Theater",
        "on the beach": "am Strand",
        "in the garden": "im Garten",
        "in the kitchen": "in der Küche",
        "at home": "zu Hause",
    },
    "arrival": {
        "at the station": "am Bahnhof",
        "at the market": "auf dem Markt",
        "in the city": "in der Stadt",
        "in the village": "im Dorf",
        "in the park": "im Park",
    },
    "feeling": {
        "tired": "müde",
        "hungry": "hungrig",
        "happy": "glücklich",
        "sad": "traurig",
        "ill": "krank",
        "angry": "wütend",
        "thirsty": "durstig",
    },
}
"""German of places and of states, by what kind of verb takes them."""

_ADJECTIVES = """
    old alt, young jung, friendly freundlich, famous berühmt, clever klug, small klein, big groß, black schwarz,
    white weiß, brown braun, new neu, red rot, green grün, blue blau, beautiful schön, interesting interessant,
    short kurz, fresh frisch, good gut, hot heiß, cold kalt, cheap billig, ugly hässlich, warm warm
"""
ADJECTIVES = dict(entry.split() for entry in _ADJECTIVES.split(","))
"""German stems of the adjectives, all of which take the regular endings."""

_GROUP_ADJECTIVES = {
    "person": "old young friendly famous clever",
    "relative": "clever friendly old",
    "animal": "old young small big black white brown beautiful",
    "thing": "old new small big black white brown red green blue beautiful cheap ugly",
    "garment": "old new black white brown red green blue beautiful cheap warm",
    "text": "old new interesting beautiful short",
    "picture": "old new small big beautiful ugly",
    "transport": "old new",
    "event": "new interesting short",
    "food": "fresh small big good",
    "dish": "fresh good warm",
    "drink": "hot cold good",
}
_NOUN_ADJECTIVES = dict.fromkeys(("child", "boy", "girl"), "small friendly clever")

SUBJECT_PRONOUNS = {
    "I": ("ich", "1s", "my"),
    "you": ("du", "2s", "your"),
    "he": ("er", "3s", "his"),
    "she": ("sie", "3s", "her"),
    "we": ("wir", "1p", "our"),
    "they": ("sie", "3p", "their"),
}
"""German, person and English possessive. "You" is always one friend, du, because nothing else in English tells."""

OBJECT_PRONOUNS = {
    "me": ("mich", "mir"),
    "you": ("dich", "dir"),
    "him": ("ihn", "ihm"),
    "her": ("sie", "ihr"),
    "us": ("uns", "uns"),
}
"""German accusative and dative."""

POSSESSIVES = {"my": "mein", "your": "dein", "his": "sein", "her": "ihr", "our": "unser", "their": "ihr"}

MODALS = {
    "can": ("kann", "kannst", "kann", "können"),
    "should": ("sollte", "solltest", "sollte", "sollten"),
    "have to": ("muss", "musst", "muss", "müssen"),
    "want to": ("will", "willst", "will", "wollen"),
    "be allowed to": ("darf", "darfst", "darf", "dürfen"),
}
"""Forms for ich, du, er and the plural."""

AUXILIARIES = {
    "haben": ("habe", "hast", "hat", "haben"),
    "sein": ("bin", "bist", "ist", "sind"),
    "war": ("war", "warst", "war", "waren"),
    "werden": ("werde", "wirst", "wird", "werden"),
}

WEEKDAYS = {
    "Monday": "Montag",
    "Tuesday": "Dienstag",
    "Wednesday": "Mittwoch",
    "Thursday": "Donnerstag",
    "Friday": "Freitag",
    "Saturday": "Samstag",
    "Sunday": "Sonntag",
}
_MONTHS = """
    January Januar 31, February Februar 28, March März 31, April April 30, May Mai 31, June Juni 30, July Juli 31,
    August August 31, September September 30, October Oktober 31, November November 30, December Dezember 31
"""
MONTHS = [(month[0], month[1], int(month[2])) for month in (entry.split() for entry in _MONTHS.split(","))]
"""English name, German name, days."""

_SMALL = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_ENGLISH = ["zero", "one", *_SMALL.split(), "eighteen", "nineteen"]
_KLEIN = "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn"
_GERMAN = ["null", "eins", *_KLEIN.split(), "achtzehn", "neunzehn"]
_ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GERMAN_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]


def spell_number(number: int) -> tuple[str, str]:
    """Returns a number from 0 to 99 in English and German words: 22 is twenty-two and zweiundzwanzig."""
    if number < 20:
        return _ENGLISH[number], _GERMAN[number]
    tens, ones = divmod(number, 10)
    english, german = _ENGLISH_TENS[tens - 2], _GERMAN_TENS[tens - 2]
    if not ones:
        return english, german
    return f"{english}-{_ENGLISH[ones]}", f"{'ein' if ones == 1 else _GERMAN[ones]}und{german}"


def _noun(line: str, group: str) -> Noun:
    english, english_plural, german, german_plural, gender, *rest = line.split()
    oblique = next((word for word in rest if word[0].isupper()), german)
    possessive = next((word for word in rest if word[0].islower()), "")
    return Noun(english, english_plural, german, german_plural, gender, group, oblique, possessive)


def _verb(line: str) -> Verb:
    words = ["" if word == "-" else word for word in line.split()]
    english, past, progressive, particle, german, prefix, changed, participle, auxiliary, kind, frame, objects = words
    verb = (english, past, progressive, particle, german, prefix, changed, participle, auxiliary, kind, frame)
    return Verb(*verb, tuple(objects.split(",")))


NOUNS = {
    noun.english: noun
    for group, table in _NOUNS.items()
    for noun in (_noun(line, group) for line in table.strip().splitlines())
}
"""Nouns by their English name."""
VERBS = [_verb(line) for line in _VERBS.strip().splitlines()]
"""Verbs whose subjects are people."""
BE = VERBS[-1]
LEAVE, BEGIN, COST = _verb(_LEAVE), _verb(_BEGIN), _verb(_COST)
"""Verbs whose subjects are things."""


def nouns_of(names: tuple[str, ...]) -> list[Noun]:
    """Returns the nouns that are named, by themselves or by their group."""
    return [noun for noun in NOUNS.values() if noun.english in names or noun.group in names]


def adjectives_of(noun: Noun) -> list[str]:
    """Returns the English adjectives that make sense with a noun."""
    return _NOUN_ADJECTIVES.get(noun.english, _GROUP_ADJECTIVES[noun.group]).split()
