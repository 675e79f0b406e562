"""Send an effect at most once, whatever happens to this process in between.

The trace says that it is intended, the ledger says so too; only then is it sent. After a restart
the ledger knows how far it got: what was never sent may be sent; what may have been sent is sent
again only to a provider that recognises its key, else it is looked up, else a person settles it.
"""

from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.effects.ledger import EffectIntent, EffectRecord, EffectState, Ledger, result_of


class SendResult(NamedTuple):
    """The outcome of an effect."""

    result: ToolResult
    state: EffectState
    by: str = "provider"
    """Who found out: `provider`, `look-up`, `ledger` or `nobody`."""


class Sender(Protocol):
    """One effect, and how it is sent and looked up."""

    @property
    def resendable(self) -> bool:
        """Whether the provider recognises the key, so that sending again is safe."""
        ...

    def send(self, provider_key: str) -> SendResult:
        """Send it."""
        ...

    def look_up(self) -> SendResult | None:
        """Find out whether it happened; `None` where it cannot be known."""
        ...


def send_once(ledger: Ledger, intent: EffectIntent, sender: Sender) -> SendResult:
    """Send an effect, or return its outcome from before.

    Raises:
        Problem: If the ledger cannot be used. Then nothing was sent; or, where the answer could
            not be noted, the effect stays `dispatched` until a restart settles it.
    """
    claim = ledger.claim(intent, _now())
    effect = claim.effect
    if effect is None:
        return _refused("denied" if claim.unapproved else "conflict", claim.refusal or "refused")
    if claim.send:
        if not ledger.dispatched(effect):
            return _refused("conflict", "another process is sending the same effect")
        sent = sender.send(effect.provider_key)
    elif effect.state in ("dispatched", "in_doubt"):
        # Its process died while it was being sent, or its answer was lost.
        sent = _doubt(effect)
    else:
        return SendResult(result_of(effect), effect.state, "ledger")
    if sent.state == "in_doubt" and sender.resendable:
        # The provider knows whether it arrived.
        sent = sender.send(effect.provider_key)
    if sent.state == "in_doubt":
        sent = sender.look_up() or sent
    ledger.settle(effect, sent.state, sent.result, _now(), sent.by)
    return sent


def _refused(kind: ToolErrorKind, why: str) -> SendResult:
    return SendResult(ToolResult(error=ToolError(kind, why)), "failed", "ledger")


def _doubt(effect: EffectRecord) -> SendResult:
    message = f"it is not known whether `{effect.tool}` took effect; a person settles it"
    return SendResult(ToolResult(error=ToolError("timeout", message)), "in_doubt", "nobody")


def _now() -> datetime:
    return datetime.now(UTC)


__all__ = ["SendResult", "Sender", "send_once"]
