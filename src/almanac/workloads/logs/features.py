"""Features of texts: their masked form, and counts of its hashed n-grams."""

import re
from collections.abc import Callable
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import FeatureUnion

from almanac.workloads.logs.shared import codes, masking
from almanac.workloads.logs.shared.masking import text_id
from almanac.workloads.logs.shared.rules import Rule
from almanac.workloads.logs.terms import arrays
from almanac.workloads.logs.terms.templates import Templates

Codes = npt.NDArray[np.int64]

WORD_FEATURES, CHARACTER_FEATURES = 2**16, 2**18
# Origins whose texts are logging statements in source code, with gaps for the values.
STATED = ("logbench", "python", "simulated")
NO_LETTERS = re.compile(r"<\*>|[^a-z]")
WORDS = r"\w+|[^\w\s]"
# Lines with one of these take a longer way through masking.
SPECIAL = rf"{masking.HINT}|{codes.HINT}|[^\x00-\x7f]"
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
    line_codes, words = _without_values(lines)
    for rule in masking.REST:
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
    return _where(has_breaks, texts, _first_line)


def _first_line(texts: pa.Array) -> pa.Array:
    return _applied(masking.FIRST_LINE, _applied(masking.EDGES, texts))


def _shortened(lines: pa.Array) -> pa.Array:
    """Cut lines after LONGEST characters; only lines of more bytes than that are looked at."""
    return _where(pc.greater(pc.binary_length(lines), masking.LONGEST), lines, _cut)


def _cut(lines: pa.Array) -> pa.Array:
    return arrays.texts([line[: masking.LONGEST] for line in lines.to_pylist()])


def _without_values(lines: pa.Array) -> tuple[Codes, pa.Array]:
    """Return for each line the place of it without values, and these.

    Words with digits become <*>. The few lines that may have secrets, addresses or codes go a longer way.
    """
    is_special = pc.match_substring_regex(lines, SPECIAL)
    codes_of_lines, words = _encoded(_applied(masking.WORDS_WITH_DIGITS, lines))
    if not pc.any(is_special).as_py():
        return codes_of_lines, words
    special_codes, others = _encoded(_specials(lines.filter(is_special)))
    codes_of_lines[is_special.to_numpy(zero_copy_only=False)] = len(words) + special_codes
    return codes_of_lines, pa.concat_arrays([words, others])


def _specials(lines: pa.Array) -> pa.Array:
    lines = _where(pc.invert(pc.string_is_ascii(lines)), lines, _ascii_digits)
    lines = _where(pc.match_substring_regex(lines, masking.HINT), lines, _hidden)
    words = _applied(masking.WORDS_WITH_DIGITS, lines)
    has_code = pc.match_substring_regex(lines, codes.HINT)
    return _placed(words, has_code, _with_codes(lines.filter(has_code)))


def _ascii_digits(lines: pa.Array) -> pa.Array:
    return _applied(masking.OTHER_DIGITS, lines)


def _hidden(lines: pa.Array) -> pa.Array:
    return arrays.texts([masking.hidden(line) for line in lines.to_pylist()])


def _with_codes(lines: pa.Array) -> pa.Array:
    return reduce(_swapped, (*codes.PROTECT, codes.WORDS, *codes.RESTORE), lines)


def _where(is_chosen: pa.Array, texts: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return texts, the chosen ones changed."""
    return _placed(texts, is_chosen, change(texts.filter(is_chosen))) if pc.any(is_chosen).as_py() else texts


def _placed(texts: pa.Array, is_chosen: pa.Array, others: pa.Array) -> pa.Array:
    """Return texts, the chosen ones replaced by others: many times faster than `replace_with_mask`."""
    places = np.arange(len(texts))
    places[is_chosen.to_numpy(zero_copy_only=False)] = len(texts) + np.arange(len(others))
    return pa.concat_arrays([texts, others]).take(pa.array(places))


def _swapped(texts: pa.Array, rule: Rule) -> pa.Array:
    return _applied(rule, texts)


def _applied(rule: Rule, texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, rule.pattern, rule.replacement)
