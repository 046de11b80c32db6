"""The page of the HTTP API is what the server says of itself."""

from scripts.write_http_reference import PAGE, reference


def test_page_is_what_the_server_says() -> None:
    """The page is exactly what its script writes now."""
    assert PAGE.read_text(encoding="utf-8") == reference(), "run .venv/bin/python -m scripts.write_http_reference"
