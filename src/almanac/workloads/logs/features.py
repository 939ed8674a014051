"""What the models see of a text: its masked form, and the hashed n-grams of that."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import FeatureUnion

from almanac.workloads.logs.shared.masking import FIRST_LINE, LONGEST, REST, WORDS_WITH_DIGITS, Rule, text_id
from almanac.workloads.logs.terms.templates import Templates

Codes = npt.NDArray[np.int64]

WORD_FEATURES, CHARACTER_FEATURES = 2**16, 2**18
# Origins whose texts are statements in the source of programs, with gaps where values go.
STATED = ("logbench", "python", "simulated")
NO_LETTERS = re.compile(r"<\*>|[^a-z]")
WORDS = r"\w+|[^\w\s]"


def build(statements: pd.DataFrame) -> pd.DataFrame:
    """Return statements with the column `template`; texts of one template belong together in a split.

    The texts of logs are mined for templates. A statement of a program is a template already; letters alone tell them apart.
    """
    ordered = statements.sort_values(["text", "origin", "system"], kind="stable").reset_index(drop=True)
    found, is_log = Templates(), ~ordered["origin"].isin(STATED)
    texts = ordered["text"].to_numpy(dtype=object).copy()
    texts[is_log] = [found.template(name) for name in found.add_all(texts[is_log])]
    return ordered.assign(
        template=text_ids([" ".join(NO_LETTERS.sub(" ", text.lower()).split()) for text in texts])
    )


def vectorizer() -> FeatureUnion:
    """Return counts of hashed n-grams of words and of characters: no word of a text can be read from them again."""
    words = HashingVectorizer(
        ngram_range=(1, 3), n_features=WORD_FEATURES, alternate_sign=False, norm=None, token_pattern=WORDS
    )
    characters = HashingVectorizer(
        analyzer="char", ngram_range=(2, 5), n_features=CHARACTER_FEATURES, alternate_sign=False, norm=None
    )
    return FeatureUnion([("words", words), ("characters", characters)])


def masked(texts: pa.Array | pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """Return for each text the place of its masked form, and the distinct masked forms; as `almanac.workloads.logs.shared.masking.mask` makes them.

    The rule that runs over every text is one plain pattern; the others see each distinct outcome once.
    """
    codes, distinct = _encoded(_combined(texts))
    lines = (
        _applied(FIRST_LINE, distinct)
        if pc.any(pc.match_substring_regex(distinct, r"[\r\n]")).as_py()
        else distinct
    )
    long = pc.greater(pc.binary_length(lines), LONGEST)
    if pc.any(long).as_py():
        cut = pa.array([text[:LONGEST] for text in lines.filter(long).to_pylist()], pa.large_string())
        lines = pc.replace_with_mask(lines, long, cut)
    inner, words = _encoded(_applied(WORDS_WITH_DIGITS, lines))
    for rule in REST:
        words = _applied(rule, words)
    last, forms = _encoded(words)
    return last[inner][codes], forms.to_pylist()


def text_ids(texts: list[str]) -> list[str]:
    """Return the name of each masked text."""
    return [text_id(text) for text in texts]


def _combined(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return whole.cast(pa.large_string())


def _encoded(texts: pa.Array) -> tuple[Codes, pa.Array]:
    coded = texts.dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary


def _applied(rule: Rule, texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, rule.pattern, rule.replacement)
