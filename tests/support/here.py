"""The command line inside the test's own process: a live run need not load its libraries anew."""

from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from tests.support.live_project import write_project
from tests.support.loopback import Loopback
from tests.support.provider import Provider


class Here:
    """A live project, and `agentctl` in it."""

    def __init__(
        self,
        root: Path,
        model: Loopback,
        shop: Provider,
        patch: pytest.MonkeyPatch,
        captured: pytest.CaptureFixture[str],
    ) -> None:
        self.root = write_project(root, model_url=model.base_url)
        self._captured = captured
        patch.chdir(root)
        for name in ("AGENTCTL_HOME", "AGENTCTL_DEBUG"):
            patch.delenv(name, raising=False)
        for name, value in {"SHOP_API": shop.url, "OPENAI_API_KEY": "k", "NO_COLOR": "1"}.items():
            patch.setenv(name, value)

    def __call__(self, *words: str, exits: int = 0) -> tuple[str, str]:
        self._captured.readouterr()
        code = run_cli([*words])
        out, err = self._captured.readouterr()
        assert code == exits, (words, code, out, err)
        assert "Traceback" not in err
        return out, err

    def traces(self) -> list[Path]:
        """Return the traces, the oldest first."""
        return sorted((self.root / ".agentctl" / "traces").glob("*.jsonl"))


__all__ = ["Here"]
