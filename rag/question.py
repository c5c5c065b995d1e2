"""Check a question at the door."""

import re

from index.errors import QuestionError

MAX_CHARACTERS = 2_000


def checked(question: str) -> str:
    """Return the question without white space around it. Raises QuestionError if it cannot be searched for."""
    question = question.strip()
    if not question:
        raise QuestionError("the question is empty")
    if len(question) > MAX_CHARACTERS:
        raise QuestionError(f"the question has {len(question):,} characters, at most {MAX_CHARACTERS:,} are read")
    try:
        question.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QuestionError("the question is not valid UTF-8 text") from error
    if not re.search(r"\w", question):
        raise QuestionError("the question has no words")
    return question
