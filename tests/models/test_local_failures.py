"""A crash inside the client library is this machine's, and never reads as the provider's."""

import pytest

from agentctl.models.provider.failures import ModelTarget, classify_failure

TARGET = ModelTarget("gemini/flash", "gemini", "GEMINI_API_KEY", has_key=True, is_server=False)


class APIConnectionError(Exception):
    """As litellm wraps whatever happens to it: a status that no provider sent."""

    status_code = 500


def test_a_crash_of_the_library_is_not_a_failure_of_the_provider():
    """A boolean schema makes litellm's translation for Gemini crash; asking again is no use."""
    try:
        try:
            "x" in True  # type: ignore[operator]  # noqa: B015
        except TypeError as cause:
            raise APIConnectionError("litellm.APIConnectionError: ... sk-secret-123") from cause
    except APIConnectionError as error:
        found = classify_failure(error, TARGET, ["sk-secret-123"])
    assert found.final
    assert found.fault.kind == "rejected"
    assert found.fault.message == (
        "litellm failed on this machine, not gemini:"
        " TypeError: argument of type 'bool' is not iterable"
    )
    assert found.fault.hint is not None
    assert "network" not in found.fault.hint


@pytest.mark.parametrize("cause", [ConnectionResetError("reset"), ConnectionRefusedError("no")])
def test_a_lost_connection_stays_one(cause: Exception):
    """And may be tried again."""
    wrapped = APIConnectionError("lost")
    wrapped.__cause__ = cause
    found = classify_failure(wrapped, TARGET, [])
    assert (found.fault.kind, found.final) == ("unavailable", False)
