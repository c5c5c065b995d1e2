"""Which language a text is in, told by its script and its commonest words. No model, no network.

Meant for two things: the language of our own few words in an answer, and the advice to use a multilingual encoder.
A question of a few words in a language that is not listed is taken for English.
"""

import re
from collections.abc import Iterable

# The commonest words of each that are rare or unknown in the others, question words among them.
COMMON = {
    "en": "the of and is was were are what who whom whose which how did does do why when where that with for by from "
    "this has have had been it its not be will would",
    "es": "el los las del que qué quién quiénes cuál cuáles cuándo cuánto cuántos cuántas dónde cómo por para con una "
    "fue fueron es son está se su al lo como más pero y",
    "fr": "le les des du qui que quel quelle quels quelles quand combien où comment pourquoi est sont était une dans "
    "pour par avec sur ce cette ces au aux et il elle ne pas a-t-il qu'est-ce",
    "de": "der die das den dem des und ist sind war waren wer was wann wo wie warum welche welcher welches wieviel "
    "viele ein eine einer einem nicht mit von zu für auf im wurde wurden",
    "pt": "o os as do da dos das no na nos nas em um uma que quem qual quais quando quanto quantos quantas onde como "
    "por para com foi foram é são não se ao à pelo pela e",
    "it": "il lo le gli i del della dei delle degli che chi quale quali quando quanto quanti dove come perché per con "
    "una è sono fu era furono non nel nella di e si al alla cosa",
}
WORDS = {language: frozenset(words.split()) for language, words in COMMON.items()}
SCRIPTS = {
    "ja": "\u3041-\u30ff",
    "zh": "\u4e00-\u9fff",
    "ko": "\uac00-\ud7a3",
    "ar": "\u0600-\u06ff",
    "ru": "\u0400-\u04ff",
    "el": "\u0370-\u03ff",
    "hi": "\u0900-\u097f",
    "th": "\u0e00-\u0e7f",
    "te": "\u0c00-\u0c7f",
    "he": "\u0590-\u05ff",
}
OTHER_SCRIPT = {language: re.compile(f"[{letters}]") for language, letters in SCRIPTS.items()}
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
MIN_SHARE = 0.1  # of the words that must be common ones of a language; of running text, a third is
SAMPLE_CHARACTERS = 2_000


def language_of(text: str) -> str | None:
    """Return the language of a text as two letters, or None if nothing tells."""
    text = text[:SAMPLE_CHARACTERS]
    letters = sum(map(str.isalpha, text))
    for language, script in OTHER_SCRIPT.items():
        # A third is enough: Japanese has more Chinese characters than its own, names may be in Latin letters.
        if letters and len(script.findall(text)) * (10 if language == "ja" else 3) > letters:
            return language
    words = [word.lower() for word in WORD.findall(text)]
    counts = {language: sum(word in common for word in words) for language, common in WORDS.items()}
    counts["es"] += 2 * (text.count("¿") + text.count("¡"))
    best = max(counts, key=counts.__getitem__)
    return best if words and counts[best] / len(words) > MIN_SHARE else None


def mostly_english(texts: Iterable[str]) -> bool:
    """Say whether no more than a third of the texts is in another language."""
    found = [language_of(text) for text in texts]
    return sum(language not in (None, "en") for language in found) * 3 <= len(found)
