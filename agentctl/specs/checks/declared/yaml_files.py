"""Checks of a file before it is read as anything: YAML, encoding, size."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "alias",
        "A YAML alias is used",
        "An alias stands for text that is written elsewhere, so a reader of a diff cannot see what"
        " changed. Write the value out.",
        "tools: *common",
    ),
    Check(
        "anchor",
        "A YAML anchor is used",
        "Anchors exist only for aliases, which are not read. Write the value out where it is"
        " needed.",
        "tools: &common [get_order]",
    ),
    Check(
        "bad-json",
        "A line of a JSON Lines file is not JSON",
        "Every line of a golden set in JSON Lines is one JSON object: no duplicate keys, no NaN, no"
        " integers beyond 2^53.",
        '{"id": "late-order", "input": NaN}',
    ),
    Check(
        "bare-key",
        "A key of a flow mapping has no value",
        "A comma inside `{...}` starts a new key: `{note: late, please}` has a key `please` without"
        " a value. Put the text in quotes; where nothing is meant, write `null`.",
        "args: {note: late, please}",
        "warning",
    ),
    Check(
        "control-character",
        "The file holds a control character",
        "Control characters are invisible in an editor and in a diff. Write them as an escape in"
        ' double quotes, such as "\\x07".',
        "goal: Help.<U+0007>",
    ),
    Check(
        "duplicate-key",
        "A key occurs twice in one mapping",
        "YAML readers disagree on which of the two counts, so neither is read. Keep one.",
        "limits: {steps: 3, steps: 30}",
    ),
    Check(
        "empty-file",
        "The file holds nothing",
        "A file without content cannot say what it is. Write it, or remove it.",
        "# only a comment",
    ),
    Check(
        "huge-integer",
        "An integer lies beyond 2^53",
        "Most JSON readers lose digits of such a number. If it is an identifier, put it in quotes.",
        "order_id: 90071992547409931",
    ),
    Check(
        "key-not-text",
        "A key is not text",
        "Keys are text on one line. A key such as `1`, `true` or `null` has to be quoted; a list or"
        " a mapping cannot be a key.",
        "prices: {1: 0.5}",
    ),
    Check(
        "merge-key",
        "A YAML merge key is used",
        "`<<` copies keys from elsewhere, where a reader of a diff does not see them. Write the"
        " keys out.",
        "<<: *defaults",
    ),
    Check(
        "missing-file",
        "A file that is named does not exist",
        "Paths inside a file are relative to that file. Correct the path, or add the file.",
        "policy: polcy.yaml",
    ),
    Check(
        "not-finite",
        "A number is infinite or not a number",
        "Limits, prices and amounts are finite. For text such as `.inf`, use quotes.",
        "limits: {wall_clock_s: .inf}",
    ),
    Check(
        "not-utf8",
        "The file is not UTF-8",
        "Save it as UTF-8; a byte order mark is allowed.",
        "goal: Gr\\xfc\\xdfe  # Latin-1",
    ),
    Check(
        "several-documents",
        "The file holds several YAML documents",
        "A file holds one agent, manifest, policy, set or world. Split it at `---`.",
        "kind: Agent\n---\nkind: Agent",
    ),
    Check(
        "tag",
        "A YAML tag is used",
        "Tags change the type of a value, some of them run code in other programs. Write plain"
        " text, numbers, lists and mappings.",
        "goal: !!python/name:os.system",
    ),
    Check(
        "too-deep",
        "The file is nested too deeply",
        "At most 64 levels are read, so that a file cannot exhaust the process that reads it.",
        "a: {a: {a: ...}}  # 65 levels",
    ),
    Check(
        "too-large",
        "The file is too large",
        "At most 8 MiB of YAML are read. Write large golden sets as JSON Lines.",
        "scenarios: [...]  # 9 MiB",
    ),
    Check(
        "too-many-nodes",
        "The file holds too many values",
        "At most 500,000 values are read from one file. Split the file, or write JSON Lines.",
        "tables: {orders: {...}}  # 500,001 values",
    ),
    Check(
        "unreadable-file",
        "The file cannot be read",
        "The operating system refused to read it. Check its permissions.",
        "-rw------- root agents/desk.yaml",
    ),
    Check(
        "yaml-syntax",
        "The file is not YAML",
        "The parser stopped at the place shown. Frequent causes: tabs used for indentation, a colon"
        " followed by a space inside unquoted text, a bracket that is never closed.",
        "tools: [get_order, refund_order",
    ),
)

__all__ = ["CHECKS"]
