"""The driver's side of the JSON lines that testkit/src/driver.rs describes."""

import asyncio
import base64
import json
import sys


def write(**message):
    print(json.dumps(message), flush=True)


def from_line(value):
    if isinstance(value, list):
        return [from_line(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$bin"), str):
        return base64.b64decode(value["$bin"])
    if isinstance(value.get("$json"), str):
        return from_line(json.loads(value["$json"]))
    if list(value) == ["tuple"]:
        return tuple(from_line(inner) for inner in value["tuple"])
    return {key: from_line(inner) for key, inner in value.items()}


def to_line(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bin": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [to_line(inner) for inner in value]
    if isinstance(value, dict):
        return {key: to_line(inner) for key, inner in value.items()}
    return value


class Refused(Exception):
    """An answer that is an error of the protocol, not of the driver."""

    def __init__(self, payload):
        self.payload = payload


async def serve(operations):
    """Runs requests from stdin until it ends; `operations` maps each op to a coroutine function of the request."""
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        # Not awaited: a request that waits must not hold up the next one.
        task = asyncio.create_task(answer(operations, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


async def answer(operations, request):
    try:
        write(id=request["id"], ok=await operations[request["op"]](request))
    except Refused as refused:
        write(id=request["id"], error=refused.payload)
    except Exception as error:
        write(id=request["id"], error={"message": repr(error)})
