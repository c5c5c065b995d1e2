"""Our answers as a LangChain tool, for agents."""

from collections.abc import Callable

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from index.errors import RagError
from rag.answer import Answer
from rag.render import answer_lines

ONE_LINE = 10**9  # characters: an agent wraps its lines itself


def answer_tool(ask: Callable[[str], Answer], name: str, description: str) -> BaseTool:
    """Return a tool of one argument, `question`: its content is text, its artifact the Answer."""

    def answered(question: str) -> tuple[str, Answer]:
        try:
            answer = ask(question)
        except RagError as error:
            raise ToolException(str(error)) from error
        return "\n".join(answer_lines(answer, ONE_LINE)), answer

    return StructuredTool.from_function(
        answered,
        name=name,
        description=description,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
