"""Idle connections: what each costs in memory, and whether anybody notices them.

    make bench-connections            (or: Benchmarks/connections/run.sh --connections 10000)
    QUICK=1 make bench-connections    2,000 of them

Each connection is opened, asks once, and then stays: in HTTP/1.1, over TLS, and in HTTP/2. Printed is the
growth of the server's resident memory (all its processes; what the kernel keeps for a socket is the same
for all and not in it) by connection, and how long a lone client's requests take meanwhile: median and longest
of 300. Then the same with nginx, which answers a constant.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import resource
import socket
import ssl
import statistics
import struct
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "http2"), str(HERE.parent / "http")]

import peers  # noqa: E402
from load import QUICK, certificate  # noqa: E402
from servers import PROBE, ROOT, post  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KINDS = {"plain": "HTTP/1.1", "tls": "HTTP/1.1, TLS", "h2c": "HTTP/2", "h2": "HTTP/2, TLS"}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2_000 if QUICK else 10_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each server")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    options = parser.parse_args()
    if not options.binary.is_file():
        parser.error(f"{options.binary} is missing: swift build -c release --product martlet")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < options.connections + 200:
        parser.error(f"ulimit -Hn is {hard}: too few for {options.connections} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return options


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def resident(pid):
    """Proportional, so that what nginx's processes share counts once."""
    total = 0
    for process in family(pid):
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) << 10
    return total


def frame(kind, flags, stream, data=b""):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def literal(name, value):
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


# GET / as the static table has it (RFC 7541 appendix A), with an authority.
GET = frame(4, 0, 0) + frame(
    1, 5, 1, b"\x82\x86" + literal(b":path", b"/healthz") + literal(b":authority", b"a"))


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, "the server closed a connection"
        data += more
    return data


def ask_http2(connection):
    """One request; reads until its stream ends, and agrees to the server's settings."""
    connection.sendall(PREFACE + GET)
    while True:
        head = exactly(connection, 9)
        kind, flags = head[3], head[4]
        exactly(connection, int.from_bytes(head[:3], "big"))
        assert kind != 7, "the server said GOAWAY"
        if kind == 4 and not flags & 1:
            connection.sendall(frame(4, 1, 0))
        if kind in (0, 1) and flags & 1:
            return


def ask_http1(connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data:
        data += exactly(connection, 1)
    head, _, _ = data.partition(b"\r\n\r\n")
    assert b" 200 " in head, head
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    exactly(connection, length)


def connect(server, kind, trust):
    made = socket.create_connection(
        ("127.0.0.1", server.ports["tls" if kind in ("tls", "h2") else kind]), 60)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if kind in trust:
        made = trust[kind].wrap_socket(made, server_hostname="localhost")
    ask_http2(made) if kind in ("h2c", "h2") else ask_http1(made)
    return made


def contexts():
    """Clients that keep the server's certificate unchecked: it is of this run."""
    made = {"tls": "http/1.1", "h2": "h2"}
    for kind, protocol in made.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        made[kind] = context
    return made


def lone(server, number=300):
    """Milliseconds of one client's requests: median and longest."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["plain"], timeout=60)
    times = []
    for _ in range(number):
        begun = time.perf_counter()
        connection.request("POST", peers.PATH, PROBE, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append((time.perf_counter() - begun) * 1e3)
    connection.close()
    return statistics.median(times), max(times)


def measure(server, kind, count):
    trust = contexts()
    alone = lone(server)
    # The first few bring what is made once (a TLS context's tables, a pool's first buffers).
    held = [connect(server, kind, trust) for _ in range(16)]
    before = resident(server.process.pid)
    begun = time.monotonic()
    held += [connect(server, kind, trust) for _ in range(count)]
    took = time.monotonic() - begun
    time.sleep(1)
    each = (resident(server.process.pid) - before) / count
    among = lone(server)
    # The oldest is still there.
    if kind in ("plain", "tls"):
        ask_http1(held[0])
    for connection in held:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    print(f"bench: {server.name}: {count} of {KINDS[kind]} in {took:.1f} s", file=sys.stderr)
    return each, alone, among


def servers_for(options, folder, pair):
    """Each with no connection before: one server a kind, since freed memory would be used again."""
    def martlet(answer):
        return peers.martlet(
            options.binary, options.threads, pair,
            options=["--connections", options.connections + 200, "--idle-seconds", 900])

    def nginx(answer):
        return peers.nginx(
            folder, options.threads, pair, answer, connections=options.connections + 200)

    return [martlet, nginx]


def main():
    options = arguments()
    lines = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(folder, 0o755)
        pair = certificate(folder)
        answer = b"{}"
        for kind in KINDS:
            own = None
            for make in servers_for(options, folder, pair):
                with make(answer) as server:
                    if server.name == "martlet":
                        answer = post(server.ports["plain"], PROBE)
                    each, alone, among = measure(server, kind, options.connections)
                own = own or each
                lines.append(
                    f"| {KINDS[kind]} | {server.name} | {each / 1024:.2f} | {each / own:.2f} "
                    f"| {alone[0]:.2f} / {alone[1]:.1f} | {among[0]:.2f} / {among[1]:.1f} |")
    print(f"\n{options.connections:,} idle connections, each answered once before\n")
    print("| connections | server | KiB each | this ÷ martlet | a lone request before, ms: median / longest "
          "| among them |")
    print("|---|---|---:|---:|---:|---:|")
    print("\n".join(lines))
    print(f"\n{os.cpu_count()} cores, shared with the client; {options.threads} threads of each server, "
          "not pinned")


if __name__ == "__main__":
    sys.exit(main())
