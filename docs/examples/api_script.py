"""In a project of `agentctl init`: run one task on mocks, evaluate a set, compare two runs."""

from agentctl import api

project = api.load_project()

LOOK, RENEW = {"call": {"list_loans": {}}}, {"call": {"renew_loan": {"loan_id": "l_1"}}}
task = "Please renew The Sea Road."
first = api.run(project, "library-desk", task, turns=[LOOK, RENEW, {"say": "Renewed."}])
print(f"{first.result['stop']}: {first.result['answer']}")

done = api.evaluate(project, ["library-desk"])
summary = done.results[0].summary
print(f"{done.verdict.outcome}: {summary.passed} of {summary.trials} trials")

second = api.run(project, "library-desk", task, turns=[LOOK, {"say": "Renewed."}])
left, right = (api.read_trace(project, one.result["run"]) for one in (first, second))
for difference in api.diff(left, right).differences:
    print(f"{difference.item.name}: {difference.kind}")
