"""A page as somebody reads it: its headings, tables, links, badges and texts to copy."""

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})


class Element:
    """An element with its attributes, and its parts in order."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parts: list[Element | str] = []

    @property
    def text(self) -> str:
        """The text within, as it is shown: runs of blanks are one."""
        return " ".join(self.exact_text.split())

    @property
    def exact_text(self) -> str:
        """The text within, as it stands."""
        return "".join(part if isinstance(part, str) else part.exact_text for part in self.parts)

    def all(self, *tags: str) -> "Iterator[Element]":
        """The elements within, in order; only those with one of these tags."""
        for part in self.parts:
            if isinstance(part, Element):
                if not tags or part.tag in tags:
                    yield part
                yield from part.all(*tags)

    def one(self, tag: str) -> "Element":
        """The first element with this tag."""
        return next(self.all(tag))

    @property
    def badges(self) -> list[str]:
        """The statuses that are shown, in order."""
        return [each.text for each in self.all("strong") if "badge" in each.attributes.get("class", "")]

    @property
    def copies(self) -> list[str]:
        """The texts to copy, exactly."""
        return [each.exact_text for each in self.all("pre")]

    def section(self, heading: str) -> "Element":
        """The section or article that this heading names."""
        names = {each.attributes.get("id"): each.text for each in self.all("h1", "h2", "h3")}
        labelled = self.all("section", "article")
        return next(each for each in labelled if names.get(each.attributes.get("aria-labelledby")) == heading)

    def table(self, caption: str) -> list[list[str]]:
        """The rows of the table with this caption, its header first."""
        table = next(each for each in self.all("table") if each.one("caption").text == caption)
        return [[cell.text for cell in row.all("th", "td")] for row in table.all("tr")]

    def link(self, text: str) -> str:
        """Where the link of this text leads."""
        return next(each for each in self.all("a") if each.text == text).attributes["href"]


def read_page(html: str) -> Element:
    """The page; fails when an element is closed that is not open."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert [each.tag for each in reader.open] == ["page"]
    return reader.open[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)
