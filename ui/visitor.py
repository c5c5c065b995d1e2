"""Who asks: whose conversations they see, what they may do, and which documents there are for them."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from index.filters import EVERYTHING, DocumentFilter

KEY = "checkable.visitor"


class Role(StrEnum):
    """What somebody may do, each all of the one before: ask; change the documents; see everybody's feedback."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"


@dataclass(frozen=True)
class Visitor:
    """The sender of a request. `owner` owns conversations: "user:ana", or "browser:" and a random number.

    `only` are the documents that exist for this visitor, in the collections that do: `collections`, the one that is
    opened first at the beginning, or None for all.
    """

    owner: str
    role: Role = Role.ADMIN
    only: DocumentFilter = EVERYTHING
    collections: tuple[str, ...] | None = None

    def may(self, role: Role) -> bool:
        """Say whether the visitor has this role, or one above it."""
        roles = list(Role)
        return roles.index(self.role) >= roles.index(role)


def visitor_of(scope: MutableMapping[str, Any]) -> Visitor:
    """Return who sent a request; the rule of access has put it into its ASGI scope."""
    visitor: Visitor = scope[KEY]
    return visitor
