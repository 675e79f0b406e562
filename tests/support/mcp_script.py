"""An MCP server over stdio that follows a script, and no protocol beyond the handshake.

`python tests/support/mcp_script.py SCRIPT` reads a JSON file: `tools` are listed as they are,
`page` at a time; `stderr` is written before anything else, and `exit` ends the server then; `asks`
are sent while a tool works, and `answer` is its result. What the client answers to a request goes
to `SCRIPT.heard`.
"""

import json
import sys
from pathlib import Path
from typing import Any


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def listing(script: dict[str, Any], cursor: str | None) -> dict[str, Any]:
    start, page = int(cursor or 0), script.get("page", 100)
    more = {"nextCursor": str(start + page)} if start + page < len(script["tools"]) else {}
    return {"tools": script["tools"][start : start + page], **more}


def main() -> None:
    path = Path(sys.argv[1])
    script = json.loads(path.read_text())
    print(script.get("stderr", ""), file=sys.stderr, flush=True)
    if "exit" in script:
        sys.exit(script["exit"])
    for line in sys.stdin:
        message = json.loads(line)
        method, params = message.get("method"), message.get("params") or {}
        if method == "initialize":
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "script", "version": "1"},
            }
            send(id=message["id"], result=result)
        elif method == "tools/list":
            send(id=message["id"], result=listing(script, params.get("cursor")))
        elif method == "tools/call":
            for asked in script.get("asks", ()):
                send(**asked)
                if "id" in asked:
                    Path(f"{path}.heard").write_text(sys.stdin.readline())
            send(id=message["id"], result=script["answer"])
        elif method is not None and "id" in message:
            send(id=message["id"], error={"code": -32601, "message": "unknown method"})


if __name__ == "__main__":
    main()
