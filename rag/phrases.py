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
    written_by: str
    left_out: str
    instead: str
    partly: str
    unsupported: str


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
        "Written by {model}; every sentence is checked against its source.",
        "Sentences left out, because their passages do not support them: {count}",
        "Word for word from the documents instead: {why}.",
        "partly supported",
        "not supported",
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
        "Escrito por {model}; cada frase se comprueba con su fuente.",
        "Frases omitidas porque sus pasajes no las respaldan: {count}",
        "En su lugar, palabra por palabra de los documentos: {why}.",
        "respaldado en parte",
        "no respaldado",
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
        "Écrit par {model} ; chaque phrase est vérifiée dans sa source.",
        "Phrases omises, car leurs passages ne les confirment pas : {count}",
        "À la place, mot pour mot dans les documents : {why}.",
        "confirmé en partie",
        "non confirmé",
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
        "Geschrieben von {model}; jeder Satz ist an seiner Quelle geprüft.",
        "Ausgelassene Sätze, weil ihre Stellen sie nicht belegen: {count}",
        "Stattdessen wörtlich aus den Dokumenten: {why}.",
        "teilweise belegt",
        "nicht belegt",
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
        "Escrito por {model}; cada frase é verificada na sua fonte.",
        "Frases omitidas porque os seus trechos não as confirmam: {count}",
        "Em vez disso, palavra por palavra dos documentos: {why}.",
        "confirmado em parte",
        "não confirmado",
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
        "Scritto da {model}; ogni frase è verificata nella sua fonte.",
        "Frasi omesse perché i loro passaggi non le confermano: {count}",
        "Invece, parola per parola dai documenti: {why}.",
        "confermato in parte",
        "non confermato",
    ),
}


def phrases(language: str) -> Phrases:
    """Return the words for a language, given as two letters."""
    return PHRASES.get(language, PHRASES["en"])
