"""What a terminal of 24 rows shows when a command has ended, at 60, 80 and 120 columns.

The screens are kept in `screens/`; `UPDATE_SCREENS=1` writes them again, to be looked at.
"""

import contextlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from tests.support.command import copy_shipped
from tests.support.project import failing, make, passing

SCREENS = Path(__file__).parent / "screens"
ROWS = 24
CHANGING = (
    (re.compile(r"\b1[0-9a-hjkmnp-tv-z]{13}\b"), "1run0000000000"),
    (re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{16})\b"), "<hash>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b"), "2026-01-15 09:00"),
)
COLOUR = re.compile(r"\x1b\[\d+m")


class Terminal(io.StringIO):
    """A terminal, as far as a program asks whether it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what runs a command and gives everything that the terminal got."""
    for name in [name for name in os.environ if name.startswith(("GITHUB", "CI", "FORCE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def shown(width: int, *words: str, colour: bool = False) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LINES", str(ROWS))
        monkeypatch.setenv("TERM", "xterm" if colour else "dumb")
        monkeypatch.delenv("NO_COLOR", raising=False)
        terminal = Terminal()
        with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
            run_cli(list(words))
        return terminal.getvalue()

    return shown


def all_green(root: Path) -> None:
    make(root, [passing(f"case-{n}") for n in range(5)])


def one_failed(root: Path) -> None:
    refused = failing("cancel-the-second-order")
    refused["turns"] = [{"call": {"cancel_order": {"order_id": "o_2"}}}, {"say": "Done."}]
    make(root, [refused, *(passing(f"case-{n}") for n in range(4))])


def many_failed(root: Path) -> None:
    cases = [(failing if n % 5 == 2 else passing)(f"case-{n:03}") for n in range(200)]
    make(root, cases)


def shop(root: Path) -> None:
    copy_shipped(root)


RUN = ("run", "--scenario", "order-support:cancel-last-order")
CASES = {
    "eval-green": (all_green, [("eval",)]),
    "eval-one-failed": (one_failed, [("eval",)]),
    "eval-many-failed": (many_failed, [("eval",)]),
    "run": (shop, [RUN]),
    "trace-list": (shop, [RUN, ("trace", "list")]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_screen_shows_what_matters(tmp_path: Path, screen: Callable[..., str], name: str):
    """The last 24 rows are as they were looked at, fit the terminal, and say the same in colour."""
    prepare, (*before, command) = CASES[name]
    prepare(tmp_path)
    for words in before:
        screen(80, *words)
    for width in (60, 80, 120):
        plain = screen(width, *command)
        rows = plain.splitlines()[-ROWS:]
        # A run's answer and hashes are for other programs; everything else is made to fit.
        read = [row for row in rows if not row.startswith(("Order o_1001 ", "trace 1"))]
        assert [row for row in read if len(row) > width] == []
        text = "\n".join(rows) + "\n"
        for pattern, instead in CHANGING:
            text = pattern.sub(instead, text)
        kept = SCREENS / f"{name}-{width}.txt"
        if os.environ.get("UPDATE_SCREENS"):
            kept.write_text(text, encoding="utf-8")
        assert text == kept.read_text(encoding="utf-8")
    painted = screen(80, *command, colour=True)
    assert COLOUR.search(painted) or name == "trace-list"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("prepare", [one_failed, many_failed])
def test_a_failing_evaluation_ends_with_what_to_do(
    tmp_path: Path, screen: Callable[..., str], width: int, prepare: Callable[[Path], None]
):
    """24 rows hold a failed scenario, why it failed, the gates, the verdict and what to do next."""
    prepare(tmp_path)
    rows = screen(width, "eval").splitlines()[-ROWS:]
    first = next(n for n, row in enumerate(rows) if row.startswith("orders/"))
    failed = rows[first].split()[0]
    assert rows[first - 1] == "failures"
    assert rows[first + 1].startswith("  - missing: cancel_order")
    assert "gates" in rows[first:]
    assert any(row.startswith("FAILED: ") for row in rows)
    assert rows[-1].endswith(f"Next: agentctl trace show {failed}")
