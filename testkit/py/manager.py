"""python-socketio's write-only Redis manager, driven by JSON lines: manager.py URL CHANNEL"""

import asyncio
import sys

import socketio

import lines


class Manager(socketio.AsyncRedisManager):
    async def _publish(self, data):
        # The library logs a failed publish and goes on; a test must not wait for an event that was never sent.
        if await super()._publish(data) is None:
            raise lines.Refused({"message": "python-socketio could not publish"})


async def main(url, channel):
    manager = Manager(url, channel=channel, write_only=True)

    async def call(request):
        await getattr(manager, request["method"])(**lines.from_line(request["kwargs"]))

    await lines.serve({"call": call})


asyncio.run(main(*sys.argv[1:]))
