"""Features of texts: their masked form, and counts of its hashed n-grams."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import FeatureUnion

from almanac.workloads.logs.shared.masking import FIRST_LINE, LONGEST, REST, WORDS_WITH_DIGITS, Rule, text_id
from almanac.workloads.logs.terms import arrays
from almanac.workloads.logs.terms.templates import Templates

Codes = npt.NDArray[np.int64]

WORD_FEATURES, CHARACTER_FEATURES = 2**16, 2**18
# Origins whose texts are logging statements in source code, with gaps for the values.
STATED = ("logbench", "python", "simulated")
NO_LETTERS = re.compile(r"<\*>|[^a-z]")
WORDS = r"\w+|[^\w\s]"
LINE_BREAKS = r"[\r\n]"


def build(statements: pd.DataFrame) -> pd.DataFrame:
    """Return statements with the column `template`; a split must not separate texts of one template.

    Texts of logs are mined for templates. A statement of a program is a template already. Only letters tell
    templates apart.
    """
    ordered = statements.sort_values(["text", "origin", "system"], kind="stable").reset_index(drop=True)
    letters = [_letters(text) for text in _stated(ordered)]
    return ordered.assign(template=text_ids(letters))


def vectorizer() -> FeatureUnion:
    """Return a counter of hashed n-grams of words and of characters; no word can be read back from them."""
    plain = {"alternate_sign": False, "norm": None}
    words = HashingVectorizer(ngram_range=(1, 3), n_features=WORD_FEATURES, token_pattern=WORDS, **plain)
    characters = HashingVectorizer(
        analyzer="char", ngram_range=(2, 5), n_features=CHARACTER_FEATURES, **plain
    )
    return FeatureUnion([("words", words), ("characters", characters)])


def mask_all(texts: pa.Array | pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """Return for each text the place of its masked form, and the distinct masked forms.

    The forms are those of `shared.masking.mask`. The one rule that runs over every text is a plain pattern;
    the other rules see each distinct result once.
    """
    text_codes, distinct = _encoded(_combined(texts))
    lines = _shortened(_first_lines(distinct))
    line_codes, words = _encoded(_applied(WORDS_WITH_DIGITS, lines))
    for rule in REST:
        words = _applied(rule, words)
    form_codes, forms = _encoded(words)
    return form_codes[line_codes][text_codes], forms.to_pylist()


def text_ids(texts: list[str]) -> list[str]:
    """Return the id of each masked text."""
    return [text_id(text) for text in texts]


def _stated(statements: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the text of each statement, those of logs replaced by their templates."""
    texts = statements["text"].to_numpy(dtype=object).copy()
    is_log = ~statements["origin"].isin(STATED)
    texts[is_log] = _mined(texts[is_log])
    return texts


def _mined(texts: npt.NDArray[np.object_]) -> list[str]:
    """Return the template of each text, once all of them have joined theirs."""
    templates = Templates()
    ids = templates.add_all(texts)
    return [templates.template(name) for name in ids]


def _letters(text: str) -> str:
    words = NO_LETTERS.sub(" ", text.lower()).split()
    return " ".join(words)


def _combined(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return whole.cast(arrays.TEXT)


def _encoded(texts: pa.Array) -> tuple[Codes, pa.Array]:
    encoded = texts.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _first_lines(texts: pa.Array) -> pa.Array:
    has_breaks = pc.match_substring_regex(texts, LINE_BREAKS)
    return _applied(FIRST_LINE, texts) if pc.any(has_breaks).as_py() else texts


def _shortened(lines: pa.Array) -> pa.Array:
    """Cut lines after LONGEST characters; only lines of more bytes than that are looked at."""
    is_long = pc.greater(pc.binary_length(lines), LONGEST)
    if not pc.any(is_long).as_py():
        return lines
    cut = [line[:LONGEST] for line in lines.filter(is_long).to_pylist()]
    return pc.replace_with_mask(lines, is_long, arrays.texts(cut))


def _applied(rule: Rule, texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, rule.pattern, rule.replacement)
