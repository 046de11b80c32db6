"""The documentation hangs together: links lead somewhere, pages can be reached, and none needs the internet."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import pytest

from scripts.browser import browse
from tests.architecture.sources import ROOT, files, name_of

DOCS = ROOT / "docs"
PAGES = [path for path in files(".md") if path.is_relative_to(DOCS)]
Navigation: TypeAlias = "str | dict[str, Navigation] | list[Navigation]"
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, warnings being errors."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(DOCS, folder / "docs")
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def prose(path: Path) -> str:
    """The text of a Markdown file without its code, where brackets mean something else."""
    text = re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", "code", re.sub(r"(?m)^    .*$", "", text))


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    text = re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings]
    assert [slug for slug, count in Counter(slugs).items() if count > 1] == [], f"headings of {path} have one anchor"
    return set(slugs)


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor ("" for none) of every relative link in a Markdown file."""
    for found in LINK.finditer(prose(path)):
        parts = urlsplit(found[1])
        if not parts.scheme:
            yield (path.parent / unquote(parts.path)).resolve() if parts.path else path, parts.fragment


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *PAGES], ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link of a page names a file, and a heading in it; those of the site's pages stay in the site."""
    for target, anchor in links(path):
        assert target.exists(), f"{name_of(path)} links to {target}, which does not exist"
        assert path not in PAGES or target.is_relative_to(DOCS), f"{name_of(path)} links to {target}, outside the site"
        assert not anchor or anchor in anchors(target), f"{name_of(path)} links to #{anchor}, not in {target}"


def test_every_page_is_in_the_navigation_once() -> None:
    """The navigation names each page in docs, and nothing else."""
    entries: Navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    assert sorted(named(entries)) == sorted(path.relative_to(DOCS).as_posix() for path in PAGES)


def named(entry: Navigation) -> Iterator[str]:
    """The pages below an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from named(each)


class Elements(HTMLParser):
    """The elements of a page, each as its tag and attributes."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.ids = {attributes["id"] for _, attributes in self.found if "id" in attributes}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def values(self, tag: str, attribute: str) -> list[str]:
        """What an attribute is in all elements of a tag that have it."""
        return [attributes[attribute] for each, attributes in self.found if each == tag and attribute in attributes]


def test_links_of_the_site_lead_somewhere(site: Path) -> None:
    """Each relative link of the built pages names a file of the site, and an element of it."""
    pages = {path: Elements(path) for path in site.rglob("*.html") if path.name != "404.html"}  # it may stand anywhere
    assert len(pages) == len(PAGES)
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path, page in pages.items()
        for address in page.values("a", "href")
        if not urlsplit(address).scheme and not leads_somewhere(pages, path, address)
    ]
    assert broken == []


def leads_somewhere(pages: dict[Path, Elements], path: Path, address: str) -> bool:
    """Whether a page has a file, and what is in it, at an address that it links to."""
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    return target.exists() and (not parts.fragment or unquote(parts.fragment) in pages[target].ids)


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """No built page and no style sheet names an outside resource, nor has a diagram whose renderer would be fetched."""
    for path in site.rglob("*.html"):
        page = Elements(path)
        addresses = [address for tag, attribute in LOADED.items() for address in page.values(tag, attribute)]
        assert addresses
        assert [address for address in addresses if urlsplit(address).netloc] == [], path
        assert "mermaid" not in page.values("pre", "class"), path
    for path in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)\s]+", path.read_text(encoding="utf-8")) == []


def test_a_browser_shows_the_site_from_disk_without_internet(site: Path) -> None:
    """A page that is opened as a file, where no name resolves, loads all it needs and complains about nothing."""
    page = (site / "reference" / "healthcare.html").as_uri()
    html, told = browse(page, "--dump-dom", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND")
    assert "The healthcare domain" in html
    assert [line for line in told.splitlines() if "CONSOLE" in line] == []
