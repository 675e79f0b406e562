"""`agentctl trace verify`: was anything changed after it was written?"""

from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import Format, write_json, write_jsonl, write_line
from agentctl.cli.render.audit import audit_json, audit_lines, check_json
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.specs.reading.locate import find_root
from agentctl.traces.audit.checkpoints import contradictions
from agentctl.traces.audit.project import place_of, verify_files, verify_project
from agentctl.traces.log.store import find


def verify_command(
    references: Annotated[
        list[str] | None, typer.Argument(help="Runs or files; none = the whole project.")
    ] = None,
    kept: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="HEAD", help="A head printed earlier that must still be there."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Signed checkpoints that must still hold.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Ed25519 public key (PEM) of the signer.")
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Find every change made to a trace after it was written.

    Each run is also compared with the journal that seals it at its pauses and at its end, which
    shows a trace that was cut short, replaced or removed. Neither shows that the owner of the files
    rewrote all of them. For that, keep a head that `run` or `eval` printed somewhere else and pass
    it to `--against`, or sign checkpoints.

    Exit codes: 0 intact, 1 tampered with, 3 a run ended and the journal does not know it.
    """
    if (checkpoint is None) != (public_key is None):
        raise problem("half-a-check", "`--checkpoint` and `--public-key` belong together")
    root = find_root(Path.cwd())
    files = [find(root, reference)[0] for reference in references or ()]
    audit = verify_files(root, files) if files else verify_project(root)
    if (
        not audit.checked
        and not audit.journal.seals
        and audit.journal.wrong is None
        and not (kept or checkpoint)
    ):
        hint = "agentctl run AGENT TASK makes one"
        raise problem("no-runs", "no traces to verify", hint=hint)
    proofs = {head: place_of(head, audit) for head in kept or ()}
    if checkpoint is not None and public_key is not None:
        signed, wrong = contradictions(checkpoint, public_key, audit.journal)
        proofs |= {one.head: f"signed at {one.at} over {one.seals} seals" for one in signed}
        audit = audit._replace(contradictions=(*audit.contradictions, *wrong))
    match shape:
        case "json":
            write_json(audit_json(audit, proofs))
        case "jsonl":
            write_jsonl(check_json(one) for one in audit.checked)
        case "text":
            for line in audit_lines(audit, proofs):
                write_line(line)
    return ExitCode.NO if None in proofs.values() else audit.exit_code


__all__ = ["verify_command"]
