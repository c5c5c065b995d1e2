"""Our own few words in an answer, in the language of the question; English where there are none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """What is said around quotes."""

    not_in_documents: str
    sources: str
    nearest: str
    searched: str
    only: str
    disagree: str
    which: str
    looked_at: str


PHRASES = {
    "en": Phrases(
        "Not in the documents.",
        "Sources",
        "Nearest passages",
        "Searched for",
        "Only documents with",
        "The documents disagree.",
        "Which one do you mean?",
        "Looked at {passages} passages of {documents} documents.",
    ),
    "es": Phrases(
        "No está en los documentos.",
        "Fuentes",
        "Pasajes más cercanos",
        "Se buscó",
        "Solo documentos con",
        "Los documentos se contradicen.",
        "¿A cuál se refiere?",
        "Se miraron {passages} pasajes de {documents} documentos.",
    ),
    "fr": Phrases(
        "Absent des documents.",
        "Sources",
        "Passages les plus proches",
        "Recherche",
        "Seulement les documents avec",
        "Les documents se contredisent.",
        "Lequel voulez-vous dire ?",
        "{passages} passages de {documents} documents ont été lus.",
    ),
    "de": Phrases(
        "Nicht in den Dokumenten.",
        "Quellen",
        "Nächstliegende Stellen",
        "Gesucht wurde",
        "Nur Dokumente mit",
        "Die Dokumente widersprechen sich.",
        "Was ist gemeint?",
        "{passages} Stellen aus {documents} Dokumenten wurden angesehen.",
    ),
    "pt": Phrases(
        "Não está nos documentos.",
        "Fontes",
        "Trechos mais próximos",
        "Pesquisado",
        "Só documentos com",
        "Os documentos se contradizem.",
        "A qual se refere?",
        "Foram vistos {passages} trechos de {documents} documentos.",
    ),
    "it": Phrases(
        "Non è nei documenti.",
        "Fonti",
        "Passaggi più vicini",
        "Cercato",
        "Solo documenti con",
        "I documenti si contraddicono.",
        "Quale intende?",
        "Letti {passages} passaggi di {documents} documenti.",
    ),
}


def phrases(language: str) -> Phrases:
    """Return the words for a language, given as two letters."""
    return PHRASES.get(language, PHRASES["en"])
