"""What one run over some folders did."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class BuildReport:
    """What one run did, by document name; `ignored` counts the files of formats that are not read, by suffix.

    `present` holds every document of the folders that the index shows now. `moved` are pairs of an old and a new name
    for the same content, which are among the removed and the added, too. `encoded` counts the chunks whose vectors
    were made; those of a text that the index had already were not.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0
    encoded: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    present: set[str] = field(default_factory=set)
    _contents: dict[str, str] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "moved": [{"from": old, "to": new} for old, new in self.moved],
            "unchanged": self.unchanged,
            "encoded": self.encoded,
            "skipped": [{"document": name, "reason": reason} for name, reason in self.skipped],
            "ignored": dict(self.ignored),
        }

    def note_new(self, name: str, content_sha256: str, *, is_change: bool) -> None:
        """Count a document that is stored."""
        (self.changed if is_change else self.added).append(name)
        self.present.add(name)
        if not is_change:
            self._contents.setdefault(content_sha256, name)

    def note_seen(self, name: str, reason: str, attached: Collection[str] = ()) -> None:
        """Count a file that gave nothing to store: its document is right, or there is a reason why it has none.

        `attached` are the documents that came with it, which are right, too.
        """
        if reason:
            self.skipped.append((name, reason))
        else:
            self.unchanged += 1 + len(attached)
            self.present |= {name, *attached}

    def note_removed(self, name: str, content_sha256: str) -> None:
        """Count a document that is gone; if one of the same content was added, it was moved."""
        self.removed.append(name)
        if content_sha256 in self._contents:
            self.moved.append((name, self._contents.pop(content_sha256)))
