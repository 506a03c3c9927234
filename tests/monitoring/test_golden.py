"""What is generated is what was looked at: a change of it shows as a difference of files."""

from pathlib import Path

import pytest

from tests.monitoring.golden.__main__ import GENERATED, printed


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    """`python -m tests.monitoring.golden` writes all of them, the page of alerts in the documentation too."""
    assert path.read_text(encoding="utf-8") == printed(GENERATED[path]), "stale: python -m tests.monitoring.golden"
