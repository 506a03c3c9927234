"""What a diagnosis is: findings with stable codes, the worst first, as text for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from telemetry_kit._core import faults
from telemetry_kit._core.face import public
from telemetry_kit._redaction.scrub import default_scrub
from telemetry_kit.diagnosis import environment, host, kit

Severity = Literal["stop", "warning", "info"]

PAGE = "docs/how-to/i-see-no-telemetry.md"
"""Where each code has a section of its own."""
_ORDER: dict[str, int] = {"stop": 0, "warning": 1, "info": 2}
_MARKS: dict[str, str] = {"stop": "STOP", "warning": "warn", "info": "info"}


@public
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: what it is, in words that stay: `no_sdk`, `sampler_off`.
        severity: `stop` where a signal can't arrive anywhere, `warning` where something is lost or looks like a mistake,
            `info` for what is only good to know.
        seen: what was seen, with names and numbers, and without secrets.
        next: what to do.

    >>> Finding("sampler_off", "stop", "the sampler drops every span", "take another one").code
    'sampler_off'
    """

    code: str
    severity: Severity
    seen: str
    next: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", default_scrub(self.seen))


@public
@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `diagnose()` found: `.findings`, the worst first; `str()` for people, `.as_dict()` for programs.

    >>> print(diagnose())
    telemetry_kit: something stops telemetry
      STOP  no_sdk: ...
    """

    findings: tuple[Finding, ...]

    @property
    def stops(self) -> bool:
        """Whether something keeps a signal from arriving anywhere."""
        return any(finding.severity == "stop" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The same words as data that JSON can hold.

        >>> diagnose().as_dict()["stops"]
        True
        """
        return {"stops": self.stops, "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        if not self.findings:
            return "telemetry_kit: nothing stands in the way of telemetry"
        lines = ["telemetry_kit: " + ("something stops telemetry" if self.stops else "nothing stops telemetry")]
        for finding in self.findings:
            lines += [f"  {_MARKS[finding.severity]}  {finding.code}: {finding.seen}", f"        -> {finding.next}"]
        lines.append(f"  Each code has a section in {PAGE}")
        return "\n".join(lines)


@public
def diagnose() -> Diagnosis:
    """Find out why telemetry doesn't arrive, from the process that should send it. It never raises, imports no SDK,
    sends nothing, and changes nothing.

    It looks at the providers of the three signals (is there one, does anybody collect, sample and export), at the
    environment (variables that nothing reads, exporters that nobody started, what is switched off), at versions that
    don't belong together, at forks, and at what the kit itself knows: operations that were never called, faults,
    dropped values, overflowed keys and names, suppressed errors, live series by helper. What can't be read is left out
    rather than guessed.

    >>> from telemetry_kit import diagnose
    >>> "no_sdk" in [finding.code for finding in diagnose().findings]
    True
    """
    found: list[Finding] = []
    for check in (*host.CHECKS, *environment.CHECKS, *kit.CHECKS):
        try:
            found += [Finding(*words) for words in check()]
        except Exception as fault:
            faults.record("diagnose", fault)
    return worst_first(found)


def worst_first(found: Iterable[Finding]) -> Diagnosis:
    """The diagnosis of these findings."""
    return Diagnosis(tuple(sorted(found, key=lambda finding: _ORDER[finding.severity])))
