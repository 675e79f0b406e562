"""A signed checkpoint holds the audit log against whoever owns the files."""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.traces.audit import signing
from agentctl.traces.log.journal import Seal, read_journal, seal_run
from tests.traces.test_trace_verify import desk, journal, lines, made, traces, verify, written_anew

AT = "2026-01-15T09:00:00.000Z"
needs_crypto = pytest.mark.skipif(
    find_spec("cryptography") is None, reason="the extra `sign` (cryptography) is not installed"
)
__all__ = ["desk", "made", "verify"]


def keys(folder: Path, name: str = "key") -> tuple[Path, Path]:
    base = "cryptography.hazmat.primitives"
    serialization = import_module(f"{base}.serialization")
    key = import_module(f"{base}.asymmetric.ed25519").Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


@needs_crypto
def test_a_checkpoint_holds_while_the_journal_grows(desk, verify, capsys, tmp_path):
    """Signed once, still true when later runs were sealed; it says when and over how many."""
    private, public = keys(tmp_path)
    head = read_journal(journal(desk)).head
    assert run_cli(["trace", "checkpoint", "--key", str(private)]) == 0
    assert f"3 seals, head {head}" in capsys.readouterr().out
    file = desk / ".agentctl" / "checkpoints.jsonl"
    assert file.stat().st_mode & 0o077 == 0
    assert run_cli(["run", "--scenario", "library-desk:renew-a-loan", "-q"]) == 0
    assert run_cli(["trace", "checkpoint", "--key", str(private)]) == 0
    code, said = verify("--checkpoint", str(file), "--public-key", str(public))
    assert code == 0
    assert f"head {head} is signed at" in said
    assert "over 4 seals" in said


@needs_crypto
def test_traces_and_journal_written_anew_contradict_a_checkpoint(desk, verify, tmp_path):
    """Whoever has no private key cannot write the log anew up to a checkpoint, nor cut it."""
    private, public = keys(tmp_path)
    out = tmp_path / "kept" / "checkpoints.jsonl"
    assert run_cli(["trace", "checkpoint", "--key", str(private), "--out", str(out)]) == 0
    assert not (desk / ".agentctl" / "checkpoints.jsonl").exists()
    whole = lines(journal(desk))
    arguments = ("--checkpoint", str(out), "--public-key", str(public))
    assert verify(*arguments)[0] == 0
    journal(desk).write_bytes(b"".join(whole[:2]))
    traces(desk)[2].unlink()
    assert verify()[0] == 0
    code, said = verify(*arguments)
    assert (code, "the journal had 3 seals at" in said) == (1, True)
    written_anew(desk, keep=2)
    seal_run(journal(desk), Seal("another", 1, "0" * 64), AT)
    code, said = verify(*arguments)
    assert (code, "the journal up to seal 3 is not that of" in said) == (1, True)


@needs_crypto
def test_a_checkpoint_edited_or_signed_by_somebody_else_is_found(desk, verify, tmp_path):
    """Every field is under the signature, and another key is another signer."""
    private, public = keys(tmp_path)
    _, other = keys(tmp_path, "other")
    file = desk / ".agentctl" / "checkpoints.jsonl"
    assert run_cli(["trace", "checkpoint", "--key", str(private)]) == 0
    entry = json.loads(file.read_text())
    assert verify("--checkpoint", str(file), "--public-key", str(other))[0] == 1
    changes = {"at": AT, "head": "0" * 64, "seals": 2, "v": 2, "signature": "00" * 64}
    for name, value in changes.items():
        file.write_text(json.dumps({**entry, name: value}) + "\n")
        code, said = verify("--checkpoint", str(file), "--public-key", str(public))
        assert (code, "it was changed, or another key signed it" in said) == (1, True), name


@needs_crypto
def test_a_journal_that_was_tampered_with_is_not_signed(desk, capsys, tmp_path):
    """A signature never covers a damage up."""
    private, _ = keys(tmp_path)
    whole = lines(journal(desk))
    journal(desk).write_bytes(b"".join(whole[1:]))
    assert run_cli(["trace", "checkpoint", "--key", str(private)]) == 3
    assert "it is not signed" in capsys.readouterr().err
    assert not (desk / ".agentctl" / "checkpoints.jsonl").exists()


@needs_crypto
def test_a_file_without_a_key_or_a_checkpoint_is_a_wrong_request(desk, verify, capsys, tmp_path):
    """Each wrong file is named."""
    private, public = keys(tmp_path)
    for wrong in (public, tmp_path / "nowhere.pem", desk / "agents"):
        assert run_cli(["trace", "checkpoint", "--key", str(wrong)]) == 2
    file = tmp_path / "checkpoints.jsonl"
    for text in ("", "{}\n", "nothing\n"):
        file.write_text(text)
        assert verify("--checkpoint", str(file), "--public-key", str(public))[0] == 2
    assert run_cli(["trace", "checkpoint", "--key", str(private)]) == 0
    file = desk / ".agentctl" / "checkpoints.jsonl"
    assert verify("--checkpoint", str(file), "--public-key", str(private))[0] == 2
    assert verify("--checkpoint", str(file))[0] == 2


def test_without_the_extra_signing_says_what_to_install(desk, capsys, tmp_path, monkeypatch):
    """Everything else works without `cryptography`; signing names the extra."""

    def missing(name: str) -> object:
        raise ImportError(name)

    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----")
    monkeypatch.setattr(signing, "import_module", missing)
    assert run_cli(["trace", "checkpoint", "--key", str(key)]) == 2
    assert "pip install 'agentctl[sign]'" in capsys.readouterr().err
