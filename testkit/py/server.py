"""A python-socketio server on uvicorn with the Redis manager, driven by JSON lines: server.py URL"""

import asyncio
import socket
import sys

import socketio
import uvicorn

import lines

EVERY = "*"


class Manager(socketio.AsyncRedisManager):
    async def _publish(self, data):
        # The library logs a failed publish and goes on; a test must not wait for an event that was never sent.
        if await super()._publish(data) is None:
            raise lines.Refused({"message": "python-socketio could not publish"})


class Server:
    def __init__(self, url):
        self.sio = socketio.AsyncServer(async_mode="asgi", client_manager=Manager(url), namespaces=EVERY)
        self.sio.on("connect", self.connected, namespace=EVERY)
        self.sio.on("disconnect", self.disconnected, namespace=EVERY)
        self.sio.on(EVERY, self.received, namespace=EVERY)

    async def connected(self, namespace, sid, environ):
        await self.sio.enter_room(sid, "both", namespace=namespace)
        lines.write(report="connect", namespace=namespace, sid=sid)

    async def disconnected(self, namespace, sid, reason):
        lines.write(report="disconnect", namespace=namespace, sid=sid, reason=reason)

    async def received(self, event, namespace, sid, *args):
        """Acknowledges, without arguments, whatever asks for it."""

    async def call(self, request):
        kwargs = lines.from_line(request["kwargs"])
        name = request.get("callback")
        if name is not None:
            kwargs["callback"] = lambda *args: lines.write(report="callback", name=name, args=lines.to_line(args))
        await getattr(self.sio, request["method"])(**kwargs)

    async def serve(self):
        listener = socket.create_server(("127.0.0.1", 0))
        # Nothing but JSON lines may go to stdout, where uvicorn's own log would write.
        config = uvicorn.Config(
            socketio.ASGIApp(self.sio), ws="wsproto", lifespan="off", log_config=None, access_log=False
        )
        serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[listener]))
        lines.write(report="listening", port=listener.getsockname()[1])
        await lines.serve({"call": self.call})
        serving.cancel()


asyncio.run(Server(*sys.argv[1:]).serve())
