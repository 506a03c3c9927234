"""click reads name, help and parameters from the function."""

# ruff: noqa: E402 - imported where it is there

from typing import Any

import pytest

pytest.importorskip("click", reason="needs click from PyPI")
import click
import click.testing

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

pytestmark = pytest.mark.integration


class TestClick:
    """click reads name, help and parameters from the function."""

    def command(self, decorate: Decorator, below: bool = True) -> click.Command:
        options = [click.option("--count", default=1, help="How often."), click.argument("name")]

        def greet(name: str, count: int) -> None:
            """Greet NAME."""
            click.echo(f"Hello {name}! " * count)

        function: Any = decorate(greet) if below else greet
        for option in options:
            function = option(function)
        return click.command()(function if below else decorate(function))

    @pytest.mark.parametrize("below", [True, False], ids=["below the options", "above the options"])
    def test_parameters(self, telemetry: Telemetry, captured: Captured, below: bool) -> None:
        """WRP 6: options and arguments arrive, on whichever side of them the operation stands."""
        command = self.command(telemetry.operation("greet"), below)
        result = click.testing.CliRunner().invoke(command, ["Ann", "--count", "2"], catch_exceptions=False)

        assert (result.output.strip(), captured.span().name) == ("Hello Ann! Hello Ann!", "greet")

    @pytest.mark.parametrize("below", [True, False], ids=["below the options", "above the options"])
    def test_help(self, telemetry: Telemetry, below: bool) -> None:
        """WRP 6: the help page is the bare command's."""
        pages = [
            click.testing.CliRunner().invoke(self.command(decorate, below), ["--help"]).output
            for decorate in (telemetry.operation, bare)
        ]

        assert "Greet NAME." in pages[0] and pages[0] == pages[1]

    def test_exit_codes(self, telemetry: Telemetry, captured: Captured) -> None:
        """WRP 6: the code with which a command exits is handed on."""

        @click.command()
        @telemetry.operation
        @click.pass_context
        def stop(context: click.Context) -> None:
            context.exit(3)

        assert click.testing.CliRunner().invoke(stop).exit_code == 3


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("how", ["click.Context.exit", "SystemExit"])
def test_an_exit_with_zero_is_a_success(telemetry: Telemetry, captured: Captured, how: str, code: int) -> None:
    """ASY 2: click's exit is what SystemExit is, and `exit_code` its code."""

    def leave() -> None:
        if how == "SystemExit":
            raise SystemExit(code)
        click.get_current_context().exit(code)

    command = click.command("leave")(telemetry.batch_job("nightly")(leave))

    assert click.testing.CliRunner().invoke(command).exit_code == code
    assert captured.value("job.failed") == (1 if code else 0)
