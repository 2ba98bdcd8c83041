"""python-socketio's AsyncClient, driven by JSON lines; the protocol is described in testkit/src/driver.rs."""

import asyncio

import socketio
from socketio.exceptions import ConnectionError

import lines

EVERY = "*"


class Client:
    def __init__(self):
        self.sio = None
        self.asked = {}
        self.acks = {}

    def open(self, reconnection):
        self.sio = socketio.AsyncClient(
            handle_sigint=False,
            reconnection=reconnection,
            reconnection_delay=0.05,
            reconnection_delay_max=0.2,
            randomization_factor=0,
        )
        self.sio.on("connect", self.connected, namespace=EVERY)
        self.sio.on("connect_error", self.refused, namespace=EVERY)
        self.sio.on("disconnect", self.disconnected, namespace=EVERY)
        self.sio.on(EVERY, self.received, namespace=EVERY)

    async def connected(self, namespace):
        lines.write(report="transport", name=self.sio.transport())
        asked = self.asked.pop(namespace, None)
        if asked is None:
            lines.write(report="reconnect", namespace=namespace)
        elif not asked.done():
            asked.set_result(None)

    async def refused(self, namespace, *data):
        error = data[0] if data else None
        if isinstance(error, dict):
            payload = {key: lines.to_line(error[key]) for key in ("message", "data") if key in error}
        else:
            payload = {"message": str(error)}
        asked = self.asked.pop(namespace, None)
        if asked is not None and not asked.done():
            asked.set_exception(lines.Refused(payload))

    async def disconnected(self, namespace, reason):
        lines.write(report="disconnect", namespace=namespace, reason=reason)

    async def received(self, event, namespace, *args):
        lines.write(report="event", namespace=namespace, event=event, args=lines.to_line(args))
        return self.acks.get((namespace, event))

    async def connect(self, request):
        namespace, auth = request["namespace"], lines.from_line(request["auth"])
        asked = self.asked[namespace] = asyncio.get_running_loop().create_future()
        if self.sio is not None and self.sio.connected:
            # The library connects all namespaces at once and with one auth; this is what it does for each of them.
            packet = self.sio.packet_class(socketio.packet.CONNECT, data=auth or {}, namespace=namespace)
            await self.sio._send_packet(packet)
            await asyncio.wait_for(asked, 5)
            self.sio.connection_namespaces.append(namespace)
            return
        if self.sio is not None:
            await self.sio.shutdown()
        self.open(request["reconnection"])
        try:
            await self.sio.connect(
                request["url"], auth=auth, transports=request["transports"], namespaces=[namespace], wait_timeout=5
            )
        except ConnectionError as error:
            if not asked.done():
                raise lines.Refused({"message": str(error)})
        await asked

    async def emit(self, request):
        args = tuple(lines.from_line(request["args"]))
        await self.sio.emit(request["event"], args, namespace=request["namespace"])

    async def call(self, request):
        answered = asyncio.get_running_loop().create_future()
        args = tuple(lines.from_line(request["args"]))
        await self.sio.emit(
            request["event"], args, namespace=request["namespace"], callback=lambda *answer: answered.set_result(answer)
        )
        try:
            return lines.to_line(await asyncio.wait_for(answered, request["timeout"] / 1000))
        except asyncio.TimeoutError:
            raise lines.Refused({"message": "timeout"})

    async def answer(self, request):
        self.acks[request["namespace"], request["event"]] = (lines.from_line(request["ack"]),)

    async def disconnect(self, request):
        namespace = request["namespace"]
        if list(self.sio.namespaces) == [namespace]:
            await self.sio.disconnect()
            return
        # The library leaves all namespaces at once.
        await self.sio._send_packet(self.sio.packet_class(socketio.packet.DISCONNECT, namespace=namespace))
        self.sio.namespaces.pop(namespace, None)
        self.sio.connection_namespaces.remove(namespace)
        await self.disconnected(namespace, self.sio.reason.CLIENT_DISCONNECT)

    async def sid(self, request):
        return self.sio.get_sid(request["namespace"])

    async def transport(self, request):
        return self.sio.transport()


async def main():
    client = Client()
    operations = ("connect", "emit", "call", "answer", "disconnect", "sid", "transport")
    await lines.serve({name: getattr(client, name) for name in operations})


asyncio.run(main())
