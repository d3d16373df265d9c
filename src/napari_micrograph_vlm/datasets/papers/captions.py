"""Captions by their label, "Figure 3.", in several languages, and what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .clean import clean_text
from .parts import sub_captions

__all__ = ["CaptionStart", "caption_start", "clean_text", "is_table", "sub_captions"]


@dataclass(frozen=True)
class CaptionStart:
    """The beginning of a caption.

    Attributes
    ----------
    label : str
        As printed, without the sign after it: ``"Fig. 3"``.
    rest : str
        What follows it on its line; may be empty.
    continued : bool
        Whether it says that it goes on with a figure of an earlier page.
    """

    label: str
    rest: str
    continued: bool = False


_BEFORE = (
    r"(?:extended\s+data|supplementary|supplemental|supporting(?:\s+information)?|suppl\.|"
    r"appendix|online|additional|source\s+data|补充|附)\s*"
)
_WORDS = (
    r"f\s?igure|f\s?ig\b\s?\.?|scheme|"
    r"abbildung|abb\b\.?|"  # German
    r"figuras?|fig\.ª|esquema|"  # Spanish, Portuguese, Italian, Romanian
    r"schéma|schema|"  # French, Italian
    r"figuur|afbeelding|afb\b\.?|figur\b\.?|"  # Dutch, Scandinavian
    r"рисунок|рис\b\.?|мал\b\.?|фиг\b\.?|схема|"  # Russian, Ukrainian, Bulgarian
    r"rysunek|rys\b\.?|ryc\b\.?|obrázek|obr\b\.?|slika|sl\b\.|"  # Polish, Czech, South Slavic
    r"kuva|joonis|şekil|hình|gambar|σχήμα|εικόνα|"  # Finnish, Estonian, Turkish and others
    r"그림|图|圖|図"
)
_RARE = r"chart|plate|graph|photo(?:graph)?|image|micrograph|bild|map|illustration"
"""Words that also begin sentences: taken for a label only with a sign after the number."""

_NUMBER = r"(?:[A-Z]{1,3}\s?[.\-–]?\s?)?\d{1,3}(?:[.\-–]\d{1,3}){0,3}(?:\s?[a-zA-Z])?|[IVX]{1,5}"
_LABEL = re.compile(
    rf"^[\s▲▼◀▶◄►■●•*_]*(?P<label>(?:{_BEFORE})?(?:(?P<word>{_WORDS})|(?P<rare>{_RARE}))"
    rf"\s*(?P<number>{_NUMBER}))(?![\w%°])(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_TURNED = re.compile(
    r"^\s*(?P<label>\d{1,3}\.\s?(?:ábra|pav\.|attēls|kép|irudia))(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
"""Languages that put the number first."""

_SIGN = re.compile(r"^\s*(?:[.:：．。|│∣¦—–|]|-(?=\s)|\.\s?[—–-])+\s*")
_RUNNING = re.compile(
    r"^(?:however|therefore|moreover|furthermore|in addition|thus|hence|we|here,|these results|"
    r"this (?:is|was|suggests|indicates|result|means|behavio|confirms|shows)|as (?:shown|can|seen|"
    r"expected)|it (?:is|can|was|should|shows)|although|since|because|while the|note that|our|"
    r"according to|for (?:example|instance|comparison|this)|additionally|finally|on the other|"
    r"in (?:contrast|this|order|particular|comparison|general)|then|also|if|when the|"
    r"after that|next|from (?:the|this)|that is|interestingly|clearly|obviously)\b",
    re.IGNORECASE,
)
"""How a sentence begins that follows a mention at a sentence's end; no caption begins so."""

_TELLS = re.compile(
    r"^(?:(?:and|or|to|und|bis|et|y|и|e)\b|shows?\b|shown\b|illustrates?\b|presents?\b|displays?\b|"
    r"depicts?\b|demonstrates?\b|compares?\b|gives?\b|reveals?\b|is\b|are\b|was\b|were\b|in\b|"
    r"indicates?\b|plots?\b|summari[sz]es?\b|contains?\b|which\b|that\b|we\b|for\b|with\b|"
    r"provides?\b|reports?\b|suggests?\b|confirms?\b|represents?\b|corresponds?\b|can\b|"
    r"zeigt\b|zeigen\b|muestra|montre|mostra|показ|видно|"
    r"所示|显示|顯示|中|为|為|是|给出|展示|可见|表明|和|与|與|示|に|は|を|の|から|은|는|에|을|의)",
    re.IGNORECASE,
)
_LETTERS = re.compile(
    r"^\s*[(\[]?[a-zA-Z]\d?[)\]](?:\s*(?:,|and|und|et|to|[-–—&])?\s*[(\[]?[a-zA-Z]\d?[)\]])*\s*"
)
_BARE_LETTER = re.compile(r"^[a-z](?:[,–-]\s?[a-z])*(?:[,:]?\s+[A-Z(\d]|[):])")
_CONTINUED = re.compile(
    r"^\W*(?:continued|cont['’.]?d?|continuación|fortsetzung|suite|продолжение|续)\b", re.IGNORECASE
)

_TABLE = re.compile(
    r"^\W*(?:(?:extended\s+data|supplementary)\s+)?(?:table|tab\.|algorithm|listing|box|tabelle|"
    r"tabla|tabela|tableau|tabella|таблица|табл\.|表)\s*[A-Z]?\d+",
    re.IGNORECASE,
)


def is_table(line: str) -> bool:
    """Tell whether a line begins the caption of a table, a listing or a box."""
    return _TABLE.match(line) is not None


def caption_start(line: str) -> CaptionStart | None:
    """Return label and rest of a line that begins a caption; None where it does not.

    A mention of a figure in running text, "Figure 3 shows", "Figure 3, which", is no caption. At
    a sentence's end, "Figure 3. However, …", it is told by how the next sentence begins; where even
    that leaves it open, the layout has to decide.

    Parameters
    ----------
    line : str
        A line of a page from its beginning, or a whole paragraph.
    """
    found = _LABEL.match(line)
    if found is None:
        found = _TURNED.match(line)
        return None if found is None else _started(found["label"], found["rest"])
    label, rest, number = found["label"], found["rest"], found["number"]
    if number.isalpha() and not number.isupper():  # "figure in", "Fig. i"
        return None
    word = found["word"] or found["rare"]
    if not (word[0].isupper() or word[0] in "图圖図그"):
        return None
    if number[-1].isalpha() and number[:-1].strip().isdigit():
        # "Fig. 3a shows" is a mention, "Fig. 3 A view" and "Fig. 3 a SEM" are no number 3a.
        kept = label[:-1].rstrip()
        if label[-2] == " ":
            label, rest = kept, f" {number[-1]}{rest}"
    sign = _SIGN.match(rest)
    if sign is not None:
        after = rest[sign.end() :]
        # "Fig. 3.2" and "Figure 3–Figure 5" go on after the sign.
        mentioned = re.match(rf"(?:{_WORDS})\s*\d", after, re.IGNORECASE)
        if mentioned or ("." in sign.group() and _RUNNING.match(after)):
            return None
        return _started(label, after)
    if not rest.strip():
        return _started(label, "")
    if found["rare"] or (not rest[0].isspace() and not _LETTERS.match(rest)):
        return None
    return _started(label, rest) if _unsigned(rest.strip()) else None


def _unsigned(rest: str) -> bool:
    """Tell whether the text after a label without a sign can be a caption."""
    if _TELLS.match(rest) or _RUNNING.match(rest):
        return False
    letters = _LETTERS.match(rest)
    if letters is not None:
        return not _TELLS.match(rest[letters.end() :])
    if _BARE_LETTER.match(rest):
        return True
    first = rest[0]
    if first.isalpha():
        return not first.islower()
    return bool(re.match(r"[(\[“\"'«]\w|\d\S*[A-Za-z]", rest)) and not re.match(
        r"\((?:see|cf|ref|eq|table|top|bottom|left|right|and)\b", rest, re.IGNORECASE
    )


def _started(label: str, rest: str) -> CaptionStart:
    rest = _SIGN.sub("", rest).strip()
    return CaptionStart(" ".join(label.split()), rest, bool(_CONTINUED.match(rest)))
