"""The peer python-socketio: the server that `load` asks for, under uvicorn, with AsyncRedisManager when REDIS_URL is set.

    python3 -m venv target/peers/python
    target/peers/python/bin/pip install --requirement bench/peers/python/requirements.txt
    BIND=127.0.0.1:8000 [REDIS_URL=redis://127.0.0.1:6379] target/peers/python/bin/python bench/peers/python/server.py
"""

import asyncio
import json
import os
import resource
import time

import socketio
import uvicorn

REDIS_URL = os.environ.get("REDIS_URL")

sio = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(REDIS_URL) if REDIS_URL else None,
)


@sio.event
async def connect(sid, environ, auth):
    token = auth.get("token") if isinstance(auth, dict) else None
    if not isinstance(token, str):
        raise socketio.exceptions.ConnectionRefusedError("Invalid access token")
    await sio.save_session(sid, {"token": token})


@sio.event
async def join_chat(sid, data):
    await sio.enter_room(sid, f"chat|{data['chat_id']}")
    return {"ok": True}


@sio.event
async def echo(sid, argument):
    # A tuple is the ack's list of arguments; None by itself would be none.
    return (argument,)


async def http(scope, receive, send):
    """POST /broadcast; uvicorn's `lifespan` is off."""
    body = await read_body(receive)
    found = (scope["method"], scope["path"]) == ("POST", "/broadcast")
    if found:
        await broadcast(**json.loads(body))
    status = 200 if found else 404
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


async def read_body(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def broadcast(count, size, interval_us, room=None, rooms=None):
    loop = asyncio.get_running_loop()
    start = loop.time()
    for seq in range(count):
        wait = start + seq * interval_us / 1e6 - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        to = f"chat|r{(seq * 2654435761 & 0xFFFFFFFF) % rooms}" if rooms else room
        await sio.emit("bench", argument(seq, size), room=to)


def argument(seq, size):
    """What makes `42["bench","<argument>"]` exactly `size` bytes."""
    return f"{seq} {time.time_ns()} ".ljust(size - len('42["bench",""]'), "x")


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, port = os.environ.get("BIND", "127.0.0.1:8000").split(":")
    uvicorn.run(
        socketio.ASGIApp(sio, other_asgi_app=http),
        host=host,
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="auto",
        # Engine.IO has a heartbeat of its own; Socket.IO's default is no compression.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_level="warning",
        # Longer than the rests between two series.
        timeout_keep_alive=120,
        backlog=4096,
    )


if __name__ == "__main__":
    main()
