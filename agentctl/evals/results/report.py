"""The report of an evaluation as plain data, and the form in which it is written.

It holds nothing that depends on the machine, the day or the number of processes: no wall time, no
dates, no run ids, no paths. Two evaluations of the same files give the same bytes.
"""

import json
from collections.abc import Iterator, Sequence

from agentctl.core.canonical import Json
from agentctl.core.text import json_escaped, json_text
from agentctl.evals.results.gates import Verdict, combined
from agentctl.evals.running.runner import SetResult

SCHEMA_VERSION = "1"


def report_data(results: Sequence[SetResult]) -> dict[str, Json]:
    """Return the whole report; sets by name, trials by scenario and number."""
    ordered = _ordered(results)
    verdict = combined([result.verdict for result in ordered])
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "eval-report",
        "verdict": _verdict(verdict),
        "sets": [_set(result) for result in ordered],
    }


def report_records(results: Sequence[SetResult]) -> Iterator[dict[str, Json]]:
    """Yield the report as records of their own: trials, then their set, and the verdict last."""
    ordered = _ordered(results)
    for result in ordered:
        for row in result.rows:
            yield {
                "schema_version": SCHEMA_VERSION,
                "type": "trial",
                "set": result.loaded.name,
                **row.as_json(),
            }
        whole = _set(result)
        del whole["trials"]
        yield {"schema_version": SCHEMA_VERSION, "type": "set", **whole}
    verdict = combined([result.verdict for result in ordered])
    yield {"schema_version": SCHEMA_VERSION, "type": "verdict", **_verdict(verdict)}


def report_json_text(results: Sequence[SetResult]) -> str:
    """Return the report as it stands in a file: indented, with a line a trial."""
    whole = report_data(results)
    sets = whole.pop("sets")
    head = json_text(whole, indent=2).removesuffix("\n}")
    parts = ",\n".join(_set_text(one) for one in sets)
    return f'{head},\n  "sets": [\n{parts}\n  ]\n}}\n'


def _set_text(one: dict[str, Json]) -> str:
    trials = one.pop("trials")
    head = json_text(one, indent=2).removesuffix("\n}")
    # Indenting is done in Python and costs more than scoring: only what is read by eye gets it.
    rows = json_escaped(",\n".join(map(_compact, trials)))
    return f'{head},\n  "trials": [\n{rows}\n  ]\n}}'


_compact = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _ordered(results: Sequence[SetResult]) -> list[SetResult]:
    return sorted(results, key=lambda result: result.loaded.name)


def _verdict(verdict: Verdict) -> dict[str, Json]:
    return {
        "outcome": verdict.outcome,
        "exit_code": int(verdict.exit_code),
        "gates_met": verdict.met,
        "gates": len(verdict.gates),
    }


def _set(result: SetResult) -> dict[str, Json]:
    bundle = result.loaded.bundle
    prints = bundle.fingerprints
    apart = [one.as_json() for one in result.populations]
    return {
        "set": result.loaded.name,
        "agent": bundle.agent.name,
        "fingerprints": {
            "agent": prints.agent[:12],
            "instructions": prints.instructions[:12],
            "tools": prints.tools[:12],
            "model": prints.model,
            "policy": prints.policy[:12],
        },
        "verdict": _verdict(result.verdict),
        "gates": [gate.as_json() for gate in result.verdict.gates],
        "summary": result.summary.as_json(),
        **({"populations": apart} if apart else {}),
        "trials": [row.as_json() for row in result.rows],
    }


__all__ = ["SCHEMA_VERSION", "report_data", "report_json_text", "report_records"]
