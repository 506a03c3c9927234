"""The picture in the documentation of what a stranger's text costs: `python -m tests.bench.curve_redaction` draws it anew."""

from pathlib import Path

from tests.bench.bench_redaction import seconds
from tests.redaction.cost import HARMLESS, HOSTILE, KB

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "a-strangers-text.svg"
LENGTHS = [KB // 4 << 2 * step for step in range(6)]
WIDTH, HEIGHT, LEFT, TOP, LARGEST = 560, 260, 60, 30, 4.0


def _at(step: float, ratio: float) -> tuple[float, float]:
    return LEFT + step * WIDTH / (len(LENGTHS) - 1), TOP + HEIGHT * (1 - ratio / LARGEST)


def drawn(ratios: list[float]) -> str:
    """The curve of the worst hostile text's cost, against a harmless one, by length."""
    words = ['<text x="60" y="18">times a harmless text of the same length, the worst of the hostile texts</text>']
    for mark in range(int(LARGEST) + 1):
        x, y = _at(0, mark)
        words.append(f'<line x1="{x}" y1="{y}" x2="{x + WIDTH}" y2="{y}" stroke="#8884"/>')
        words.append(f'<text x="{x - 12}" y="{y + 4}" text-anchor="end">{mark}</text>')
    for step, length in enumerate(LENGTHS):
        x, y = _at(step, 0)
        words.append(f'<text x="{x}" y="{y + 20}" text-anchor="middle">{length / KB:g} KB</text>')
    places = [_at(step, ratio) for step, ratio in enumerate(ratios)]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
    words.append(f'<polyline points="{line}" fill="none" stroke="#d9480f" stroke-width="2"/>')
    for (x, y), ratio in zip(places, ratios, strict=True):
        words.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#d9480f"/>')
        words.append(f'<text x="{x:.0f}" y="{y - 10:.0f}" text-anchor="middle">{ratio:.1f}</text>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 330" font-family="sans-serif" font-size="13" fill="#888">'
    return "\n".join([head, *words, "</svg>"]) + "\n"


if __name__ == "__main__":
    measured = []
    for length in LENGTHS:
        harmless = seconds(HARMLESS, length)
        measured.append(max(seconds(unit, length) for unit in HOSTILE) / harmless)
        print(f"{length / KB:g} KB: {measured[-1]:.2f} times, harmless {harmless * 1e9 / length:.0f} ns a character")
    PICTURE.write_text(drawn(measured), encoding="utf-8")
