"""The documentation as a site: every link leads somewhere, and nothing is fetched from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import BOOT, ROOT, clean_environment

FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


def test_the_site_is_built_strictly_and_needs_no_network(tmp_path: Path) -> None:
    build = BOOT.replace("from rag.__main__ import main", "from mkdocs.__main__ import cli as main")
    done = subprocess.run(
        [sys.executable, "-c", build, "build", "--quiet", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").glob("*.html"))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} <= {page.stem for page in pages}
    fetched = [found for page in pages for found in FETCHED.findall(page.read_text("utf-8"))]
    assert [found for found in fetched if 'rel="canonical"' not in found] == []
    styles = [css.read_text("utf-8") for css in (tmp_path / "site").rglob("*.css")]
    assert styles
    assert not any(re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style) for style in styles)


def test_the_readme_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text("utf-8")):
        assert (ROOT / link).exists(), link


def test_what_the_pages_link_in_the_project_is_there() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"`((?:deploy|server|rag|ui|scripts)/[\w./@-]+)`", page.read_text("utf-8")):
            assert list(ROOT.glob(name)), (page.name, name)
