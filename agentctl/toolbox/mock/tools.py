"""The backend of mocked tools: a world, the mocks over it, and the faults of a scenario."""

from collections.abc import Mapping, Sequence

from agentctl.core.messages import ToolError, ToolResult
from agentctl.specs.language.expressions import ExpressionError
from agentctl.specs.shapes.golden import InjectedFault
from agentctl.toolbox.mock.operations import MockedTool, MockError
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import BackendCall

_LOST = "lost_acknowledgement"
"""The fault of an effect that happens, and whose answer does not arrive."""
NOTHING_RECORDED: Mapping[tuple[str, str], ToolResult] = {}


class MockBackend:
    """Mocked tools over one world, with the faults of a scenario.

    It honours idempotency keys as a real provider does: a key it has answered before gets the same
    answer again, without a second effect.

    Args:
        mocks: The agent's mocks, compiled.
        world: The world of this run; changed by writes.
        faults: What goes wrong, by tool and number of the call.
        recorded: What reads answered when the run was recorded, by id of the call and tool; the
            world is not asked for these.
    """

    def __init__(
        self,
        mocks: Mapping[str, MockedTool],
        world: World,
        faults: Sequence[InjectedFault] = (),
        recorded: Mapping[tuple[str, str], ToolResult] = NOTHING_RECORDED,
    ) -> None:
        self.world = world
        self._recorded = recorded
        self._mocks = mocks
        self._faults = faults
        self._times: dict[str, int] = {}
        self._answered: dict[str, ToolResult] = {}

    def idempotent(self, name: str) -> bool:  # noqa: ARG002
        """Return `True`: a mocked system recognises its keys."""
        return True

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Send one call to the mocked system."""
        recorded = self._recorded.get((call.call_id, name))
        if recorded is not None:
            return recorded
        if name not in self._mocks:
            return ToolResult(error=ToolError("missing_mock", f"tool `{name}` has no mock"))
        fault = self._fault(name)
        if fault is not None and fault != _LOST:
            return ToolResult(error=ToolError(fault, f"`{name}`: {fault.replace('_', ' ')}"))  # type: ignore[arg-type]
        if key is not None and key in self._answered:
            result = self._answered[key]
            self.world.writes.repeats.add(call.call_id)
        else:
            result = self._answer(name, call)
            if key is not None and result.ok:
                self._answered[key] = result
        if fault == _LOST:
            return ToolResult(error=ToolError("timeout", f"`{name}` did not answer in time"))
        return result

    def _answer(self, name: str, call: BackendCall) -> ToolResult:
        operation, latency = self._mocks[name]
        self.world.writes.caller = call.call_id
        try:
            return ToolResult(operation(self.world, call), None, 1, latency)
        except MockError as error:
            return ToolResult(error=ToolError(error.kind, error.message), latency_s=latency)
        except ExpressionError as error:
            message = f"the mock of `{name}` cannot be evaluated: {error}"
            return ToolResult(error=ToolError("missing_mock", message), latency_s=latency)

    def close(self) -> None:
        """Do nothing: a mock world holds nothing open."""

    def _fault(self, name: str) -> str | None:
        if not self._faults:
            return None
        times = self._times[name] = self._times.get(name, 0) + 1
        found = None
        for fault in self._faults:
            if fault.tool == name and fault.nth <= times < fault.nth + fault.times:
                self.world.disturb(fault.world)
                found = fault.fault or found
        return found


__all__ = ["NOTHING_RECORDED", "MockBackend"]
