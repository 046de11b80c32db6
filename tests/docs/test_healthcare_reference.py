"""The page of the healthcare domain and its diagram are complete."""

from xml.etree import ElementTree

from atdm_healthcare import PACK
from scripts.write_healthcare_reference import DIAGRAM, PAGE, diagram, reference

AGAIN = "run .venv/bin/python -m scripts.write_healthcare_reference"


def test_the_page_is_that_of_the_pack() -> None:
    """The page has what the pack and the migrations have now."""
    assert PAGE.read_text(encoding="utf-8") == reference(), AGAIN


def test_the_page_names_everything() -> None:
    """Each table, column, allowed value, constraint, scenario and validator of the pack stands on the page."""
    page = reference()
    names = [*PACK.constraints, *PACK.validators, *(name for each in PACK.entities.values() for name in each.columns)]
    names += [str(value) for each in PACK.constraints.values() for value in each.allowed or () if value is not None]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [name for name in (*PACK.entities, *PACK.scenarios) if f"\n### {name}\n" not in page] == []


def test_the_diagram_shows_every_column_and_reference() -> None:
    """The picture is that of the pack, with the name of each entity and column, and a line for each reference."""
    assert DIAGRAM.read_text(encoding="utf-8") == diagram(), AGAIN
    picture = ElementTree.fromstring(diagram())
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    entities = PACK.entities.values()
    assert [name for each in entities for name in (each.name, *each.columns) if name not in texts] == []
    lines = [path for path in picture.iter("{http://www.w3.org/2000/svg}path") if path.attrib["class"] == "line"]
    assert len(lines) == sum(len(each.refs()) for each in entities)
