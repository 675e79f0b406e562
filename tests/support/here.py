"""A live project, and `agentctl` in it."""

from pathlib import Path

from tests.support.command import agentctl
from tests.support.live_project import write_project
from tests.support.loopback import Loopback
from tests.support.provider import Provider


class Here:
    """A live project, and `agentctl` in it."""

    def __init__(self, root: Path, model: Loopback, shop: Provider) -> None:
        self.root = write_project(root, model_url=model.base_url)
        self.env = {"SHOP_API": shop.url, "OPENAI_API_KEY": "k"}

    def __call__(self, *words: str, exits: int = 0) -> tuple[str, str]:
        code, out, err = agentctl(self.root, *words, env=self.env)
        assert code == exits, (words, code, out, err)
        assert "Traceback" not in err
        return out, err

    def traces(self) -> list[Path]:
        """Return the traces, the oldest first."""
        return sorted((self.root / ".agentctl" / "traces").glob("*.jsonl"))


__all__ = ["Here"]
