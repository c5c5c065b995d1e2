"""Our own few words in an answer, in the language of the question; English where there are none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """What is said around quotes."""

    not_in_documents: str
    sources: str
    nearest: str
    searched: str


PHRASES = {
    "en": Phrases("Not in the documents.", "Sources", "Nearest passages", "Searched for"),
    "es": Phrases("No está en los documentos.", "Fuentes", "Pasajes más cercanos", "Se buscó"),
    "fr": Phrases("Absent des documents.", "Sources", "Passages les plus proches", "Recherche"),
    "de": Phrases("Nicht in den Dokumenten.", "Quellen", "Nächstliegende Stellen", "Gesucht wurde"),
    "pt": Phrases("Não está nos documentos.", "Fontes", "Trechos mais próximos", "Pesquisado"),
    "it": Phrases("Non è nei documenti.", "Fonti", "Passaggi più vicini", "Cercato"),
}


def phrases(language: str) -> Phrases:
    """Return the words for a language, given as two letters."""
    return PHRASES.get(language, PHRASES["en"])
