"""The one door to `cryptography`: Ed25519 keys and signatures, for those who installed the extra.

Keys are PEM files as `openssl genpkey -algorithm ed25519` writes them.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode

_EXTRA = "pip install 'agentctl[sign]'"


def sign(key: Path, data: bytes) -> str:
    """Sign with a private key; return the signature as hex digits.

    Args:
        key: A PEM file with an Ed25519 private key that has no password.
        data: What is signed.

    Raises:
        Problem: If the extra is missing, or the file holds no such key.
    """
    text = _read(key)
    ed25519, serialization = _modules()
    try:
        private = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise _no_key(key, "private") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise _no_key(key, "private")
    signature: bytes = private.sign(data)
    return signature.hex()


def is_signed(key: Path, data: bytes, signature: str) -> bool:
    """Whether a signature of `data` was made with the private key to this public one.

    Args:
        key: A PEM file with an Ed25519 public key.
        data: What was signed.
        signature: Hex digits.

    Raises:
        Problem: If the extra is missing, or the file holds no such key.
    """
    text = _read(key)
    ed25519, serialization = _modules()
    try:
        public = serialization.load_pem_public_key(text)
    except (ValueError, TypeError) as error:
        raise _no_key(key, "public") from error
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise _no_key(key, "public")
    try:
        public.verify(bytes.fromhex(signature), data)
    except (ValueError, import_module("cryptography.exceptions").InvalidSignature):
        return False
    return True


def _modules() -> tuple[Any, Any]:
    base = "cryptography.hazmat.primitives"
    try:
        return import_module(f"{base}.asymmetric.ed25519"), import_module(f"{base}.serialization")
    except ImportError as error:
        message = "signing needs the package `cryptography`, which is not installed"
        raise problem("no-signing", message, hint=_EXTRA) from error


def _read(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise problem("unreadable-key", f"{key}: {error.strerror}") from error


def _no_key(key: Path, kind: str) -> Problem:
    return problem(
        "bad-key",
        f"{key} holds no Ed25519 {kind} key without a password",
        hint="openssl genpkey -algorithm ed25519 -out key.pem; "
        "openssl pkey -in key.pem -pubout -out public.pem",
        exit_code=ExitCode.USAGE,
    )


__all__ = ["is_signed", "sign"]
