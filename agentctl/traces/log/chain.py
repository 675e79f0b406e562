"""The lines of a trace: canonical JSON, each chained to the one before by its hash.

A line is a header and, beside it, a body with its salt. The chain covers the header; the header
holds sha256(salt || body), so that a body can be erased later without breaking the chain.

    body_hash = sha256(salt || canonical(body))
    header    = {at, body_hash, prev, run, seq, type, v}
    hash      = sha256(DOMAIN || canonical(header))

`prev` is the hash of the event before, sixty-four zeros for the first.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import Event
from agentctl.core.masking import masked, suspicious

DOMAIN = b"agentctl.event.v1\n"
START = "0" * 64
"""What stands for the hash before the first event."""
VERSION = 1


class Chain:
    """Turns the events of one run into lines.

    Args:
        run_id: The run.
        salt: Gives the salt of each event, as hex digits, by its position.
        head: The hash of the last event, where a chain is continued.
    """

    def __init__(self, run_id: str, salt: Callable[[int], str], head: str = START) -> None:
        self.head = head
        self._run = json.dumps(run_id, ensure_ascii=False)
        self._salt = salt

    def line(self, event: Event) -> str:
        """Return the line of the next event, without its newline.

        Raises:
            NotCanonical: If the body has no canonical form.
        """
        body = canonical_text(event.body)
        if suspicious(body):
            body = canonical_text(masked(event.body))
        return self.clean_line(event, body)

    def clean_line(self, event: Event, body: str) -> str:
        """Return the line of the next event, whose canonical `body` holds no secret."""
        seq, kind, at, _ = event
        salt, before = self._salt(seq), self.head
        body_hash = sha256(f"{salt}{body}".encode()).hexdigest()
        # Every part is text without anything to escape, or a whole number: canonical as it stands.
        linked = f'"prev":"{before}","run":{self._run},'
        rest = f'"seq":{seq},"type":"{kind}","v":{VERSION}}}'
        header = f'{{"at":"{at}","body_hash":"{body_hash}",{linked}{rest}'
        self.head = head = sha256(DOMAIN + header.encode()).hexdigest()
        return (
            f'{{"at":"{at}","body":{body},"body_hash":"{body_hash}","hash":"{head}",'
            f'{linked}"salt":"{salt}",{rest}'
        )


def chain_lines(run_id: str, events: Sequence[Event]) -> Iterator[str]:
    """Yield the lines of a trial, newlines included.

    Salts follow from the id, so that equal trials are equal bytes.
    """
    chain = Chain(run_id, trial_salt(run_id))
    bodies = [canonical_text(event.body) for event in events]
    if suspicious("\n".join(bodies)):
        bodies = [canonical_text(masked(event.body)) for event in events]
    for event, body in zip(events, bodies, strict=True):
        yield chain.clean_line(event, body) + "\n"


def line_holds(line: bytes, event: Json) -> bool:
    """Whether a line of a trace, without its newline, holds by itself what it was written with.

    Whether it stands where it was written is for the chain to say.
    """
    if not isinstance(event, dict):
        return False
    try:
        at, prev, kind = event["at"], event["prev"], event["type"]
        seq, version, told = event["seq"], event["v"], event["body_hash"]
        head = f'{{"at":"{at}","body'.encode()
        if "body" in event:
            begins, ends = line.index(b'":', len(head)) + 2, line.rindex(b',"body_hash":"')
            body = sha256(event["salt"].encode() + line[begins:ends]).hexdigest()
            if body != told or not isinstance(event["body"], dict):
                return False
        run = json.dumps(event["run"], ensure_ascii=False)
        header = (
            f'{{"at":"{at}","body_hash":"{told}","prev":"{prev}","run":{run},"seq":{seq}'
            f',"type":"{kind}","v":{version}}}'
        )
        return bool(sha256(DOMAIN + header.encode()).hexdigest() == event["hash"])
    except (KeyError, ValueError, AttributeError):
        return False


def trial_salt(run_id: str) -> Callable[[int], str]:
    """Return the salts of a trial."""
    base = sha256(run_id.encode()).hexdigest()[:24]
    return lambda seq: f"{base}{seq:08x}"


__all__ = ["DOMAIN", "START", "VERSION", "Chain", "chain_lines", "line_holds", "trial_salt"]
