"""Typer makes options of parameters and their annotations, as strings or not, and of `Exit` an exit status."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

import enum
from typing import Annotated, Any, Optional

import pytest

pytest.importorskip("typer", reason="needs typer from PyPI")
import typer
import typer.testing

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

pytestmark = pytest.mark.integration


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def app(decorate: Decorator) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @decorate
    def paint(
        name: str,
        colour: Annotated[Colour, typer.Option(help="Which one.")] = Colour.RED,
        count: int = typer.Option(1, "--count", "-c", min=1),
        loud: bool = False,
        tags: Optional[list[str]] = None,  # noqa: UP045 - older ones know no `|`
    ) -> None:
        """Paint NAME."""
        typer.echo(f"{name} {colour.value} {count * 2} {loud} {tags}")

    return app


def invoke(decorate: Decorator, *arguments: str) -> tuple[int, str]:
    result = typer.testing.CliRunner().invoke(app(decorate), arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("Ann",),
        ("Ann", "--colour", "blue", "-c", "3", "--loud"),
        ("Ann", "--tags", "a", "--tags", "b"),
        ("Ann", "--count", "0"),
        ("Ann", "--colour", "green"),
        ("Ann", "--unknown"),
        (),
        ("--help",),
    ],
    ids=" ".join,
)
def test_a_command_answers_as_the_bare_one(telemetry: Telemetry, arguments: tuple[str, ...]) -> None:
    """WRP 7: options, their types and limits, the help page and what is refused are the bare command's."""
    assert invoke(telemetry.operation, *arguments) == invoke(bare, *arguments)


def test_a_command_is_recorded(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 6: it runs with what was converted, once."""
    assert invoke(telemetry.operation("paint"), "Ann", "--colour", "red", "-c", "3") == (0, "Ann red 6 False None\n")
    assert captured.span().name == "paint"


@pytest.mark.parametrize("code", [0, 3])
def test_an_exit_with_zero_is_a_success(telemetry: Telemetry, captured: Captured, code: int) -> None:
    """ASY 2: `typer.Exit` is what SystemExit is, and `exit_code` its code."""

    def leave() -> None:
        raise typer.Exit(code)

    leaving = typer.Typer()
    leaving.command()(telemetry.batch_job("nightly")(leave))
    result: Any = typer.testing.CliRunner().invoke(leaving)

    assert (result.exit_code, captured.value("job.failed")) == (code, 1 if code else 0)
