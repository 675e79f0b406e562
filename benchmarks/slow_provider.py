"""A model server that takes a fixed time for every answer, in a process of its own.

    python -m benchmarks.slow_provider SECONDS

It speaks OpenAI's chat completions and says what `made_project`'s scenarios expect: it reads the
order, cancels it, tells the customer. It has no thread and no library, so that it costs next to
nothing itself. The first line of stdout is its address; when stdin ends it prints what it saw.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

from benchmarks.baseline import calls_of

_ORDER = re.compile(r"\bo_(\d{5})\b")


class Seen:
    """What arrived."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.waiting = 0
        self.most = 0
        """Most requests at the same time."""
        self.late_s = 0.0
        """How much later than planned answers were sent, together."""


def answer(body: dict[str, Any]) -> bytes:
    """Return the next turn of a conversation."""
    messages = body["messages"]
    asked = next(message["content"] for message in messages if message["role"] == "user")
    number = int(_ORDER.findall(asked)[0])
    turn = sum(message["role"] == "assistant" for message in messages)
    call = json.loads(calls_of(number)[turn])
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if call["name"] == "reply":
        message["content"] = call["arguments"]["text"]
    else:
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        message["tool_calls"] = [{"id": call["id"], "type": "function", "function": function}]
    finish = "tool_calls" if "tool_calls" in message else "stop"
    said = {
        "id": f"chatcmpl-{number}-{turn}",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 420, "completion_tokens": 21, "total_tokens": 441},
    }
    return json.dumps(said).encode()


async def serve(wait_s: float) -> None:
    """Serve until stdin ends."""
    seen = Seen()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                due = time.monotonic() + wait_s
                seen.requests += 1
                seen.waiting += 1
                seen.most = max(seen.most, seen.waiting)
                said = answer(body)
                await asyncio.sleep(due - time.monotonic())
                seen.waiting -= 1
                seen.late_s += time.monotonic() - due
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(said), said)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    late_ms = 1000 * seen.late_s / max(seen.requests, 1)
    print(
        json.dumps(
            {
                "connections": seen.connections,
                "requests": seen.requests,
                "most_in_flight": seen.most,
                "late_ms": round(late_ms, 2),
                "cpu_s": round(time.process_time(), 3),
            }
        ),
        flush=True,
    )


__all__ = ["Seen", "answer", "serve"]

if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
