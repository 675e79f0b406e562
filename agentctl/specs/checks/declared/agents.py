"""Checks of agents and of a project: owners, credentials, secrets, environments."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "missing-env-file",
        "The file of variables of an environment is missing here",
        "It is kept out of git, so a fresh clone does not have it. Live runs in this environment"
        " need it.",
        "environments: {staging: {env_file: .env.staging}}",
        "warning",
    ),
    Check(
        "no-owner",
        "An agent has no owner",
        "Name who answers for it: `owner: team-orders`.",
        "kind: Agent\nname: desk  # no owner:",
        "warning",
    ),
    Check(
        "not-acted-on",
        "A field is read and has no effect in this version",
        "It is reserved. Leave it out until a version acts on it, or the file promises what nothing"
        " does.",
        "memory: {kind: vector}",
        "warning",
    ),
    Check(
        "same-address",
        "A variable has the same value in two environments",
        "If it is an address, a run in one environment acts on the other. What is the same"
        " everywhere belongs in the environment of the process.",
        "environments:\n  staging: {variables: {DESK: https://desk}}\n"
        "  production: {variables: {DESK: https://desk}}",
        "warning",
    ),
    Check(
        "secret-in-file",
        "A secret is written in a file",
        "Files are kept in git. Write `${NAME}`; the value comes from the environment of the run."
        " Change the secret, since it may have been pushed.",
        'headers: {Authorization: "Bearer sk-..."}',
    ),
    Check(
        "secret-in-git",
        "Git keeps a file of secrets",
        "Remove it from the index, add it to .gitignore, and change what was in it.",
        "environments: {staging: {env_file: .env}}  # .env is committed",
    ),
    Check(
        "shared-credential",
        "Two agents share a credential",
        "It cannot be taken from one of them, and no log of the other system says which of them"
        " acted. Give each its own: `credentials: {NAME: OWN_NAME}`.",
        "live: {auth: {token: ${DESK_TOKEN}}}  # used by desk and by night-desk",
    ),
    Check(
        "too-many-tools",
        "An agent offers more tools than a model takes",
        "Most providers refuse a request with more than 128 tools, and a model that is offered"
        " many chooses worse. Name fewer, or narrow them by intent.",
        "tools: [...]  # 150 names",
        "warning",
    ),
    Check(
        "unpriced-model",
        "Money is limited, and the price of the model is unknown",
        "Without a price a limit on cost cannot hold. Declare it under `model:`, or under `prices:`"
        " in agentctl.yaml.",
        "model: {name: my-own-model}\nlimits: {cost_usd: {session: 0.50}}",
    ),
    Check(
        "wide-scopes",
        "An agent asks for OAuth scopes that none of its tools needs",
        "Leave the scope out, or name it under `scopes:` of the tool that needs it.",
        "auth: {kind: oauth, scopes: [read, admin]}  # no tool names admin",
    ),
)

__all__ = ["CHECKS"]
