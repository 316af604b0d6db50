"""Martlet under mixed good, slow, broken and disconnecting clients at full load.

    make soak MINUTES=10          (or: Benchmarks/soak/run.sh --minutes 2 --seed 7)

Ends with status 1 when a good client did not get all its answers, a bad one got what it must not get or was
left hanging, the server ended, was not ready, grew, kept descriptors, or did not drain with status 0.
"""

import argparse
import dataclasses
import multiprocessing
import os
import pathlib
import queue
import resource
import signal
import ssl
import statistics
import sys
import tempfile
import time

import requests

import work
from work import Place, start

import bad
import good
from certificates import Authority
from martlet_process import BINARY, MartletProcess
from watch import Watch, slope

# Beyond these between the two ends of the time after warm-up, memory is not flat: what comes and goes with
# the mix of the moment is less.
GROWTH_BYTES_MAX = 24 << 20
GROWTH_PART_MAX = 0.15
SAMPLE_SECONDS = 5


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES") or 10))
    parser.add_argument("--seed", type=int, default=1, help="of the clients' choices")
    parser.add_argument("--only", help="clients with this in their name, good or bad")
    options = parser.parse_args()
    if not BINARY.is_file():
        parser.error(f"{BINARY} is missing: swift build -c release, or set MARTLET_BIN")
    return options


@dataclasses.dataclass
class Context:
    place: Place
    questions: list
    trust: ssl.SSLContext = None


def serve(folder, authority):
    certificate, key = authority.sign("server")
    return MartletProcess(
        folder, "--tls-cert", certificate, "--tls-key", key, "--tls-port", 0, "--admin-listen",
        "127.0.0.1:0", "--header-seconds", bad.HEADER_SECONDS, "--body-seconds", bad.BODY_SECONDS,
        "--write-seconds", bad.WRITE_SECONDS, "--handshake-seconds", bad.HANDSHAKE_SECONDS,
        "--idle-seconds", bad.IDLE_SECONDS, "--drain-delay", 1)


def learn(context):
    """What the server answers when it has nothing else to do is what it must answer ever after."""
    for question in context.questions:
        answer = requests.post(
            context.place.url + question.target, data=question.body, timeout=60,
            headers={**question.headers, "Connection": "close"})
        assert answer.status_code == 200, (question.name, answer.status_code, answer.text[:300])
        question.answer = answer.content


class Findings:
    def __init__(self):
        self.counts, self.good, self.bad = {}, [], []

    def take(self, reports, faults):
        """All that lies in a queue; how many workers said their last word."""
        ended = 0
        while True:
            try:
                report = reports.get_nowait()
            except queue.Empty:
                return ended
            if report is None:
                ended += 1
                continue
            for name, number in report[0].items():
                self.counts[name] = self.counts.get(name, 0) + number
            faults.extend(report[1])


def progress(watch, row, findings):
    seconds, answered, resident, descriptors, threads = row
    before = watch.samples[-2] if len(watch.samples) > 1 else (0, 0)
    rate = (answered - before[1]) / max(seconds - before[0], 0.001)
    print(
        f"soak: {int(seconds) // 60}:{int(seconds) % 60:02}  {answered:12,.0f} answered  {rate:9,.0f}/s  "
        f"{resident / 2**20:7.1f} MiB  {descriptors:5} fds  {threads:3} threads  "
        f"{len(findings.good)} good and {len(findings.bad)} bad clients' faults", flush=True)


def run(options, context, watch, findings):
    """The clients, until the time is over and each has come to its end."""
    wanted = [
        (findings.good, [job for job in good.LOADS if not options.only or options.only in job[0]]),
        (findings.good, [job for job in good.CLIENTS if not options.only or options.only in job[0]]),
        (findings.bad, [job for job in bad.CLIENTS if not options.only or options.only in job[0]])]
    end = multiprocessing.Event()
    groups = []
    for number, (faults, jobs) in enumerate(wanted):
        reports = multiprocessing.Queue()
        if jobs:
            seed = options.seed * 1000 + number * 100
            groups.append([start(jobs, context, end, reports, seed), reports, faults])
    until = time.monotonic() + options.minutes * 60
    while time.monotonic() < until:
        time.sleep(SAMPLE_SECONDS)
        for _, reports, faults in groups:
            findings.take(reports, faults)
        row = watch.sample()
        if row is None:
            break
        progress(watch, row, findings)
    end.set()
    print("soak: the clients come to their ends", flush=True)
    left, limit = len(groups), time.monotonic() + 300
    while left and time.monotonic() < limit:
        left -= sum(findings.take(reports, faults) for _, reports, faults in groups)
        time.sleep(0.2)
    for process, _, _ in groups:
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
    if left:
        findings.bad.append(("soak", "a worker did not come to its end"))


def settled(watch, wanted):
    """Descriptors once every client is gone; the server may take its idle time for some."""
    end = time.monotonic() + bad.IDLE_SECONDS + bad.WRITE_SECONDS + 30
    while watch.descriptors() > wanted and time.monotonic() < end:
        time.sleep(0.5)
    return watch.descriptors()


def memory(watch, minutes):
    """(slope in bytes a minute, first and last level) of the time after warm-up."""
    warm = min(minutes * 60 / 4, 120)
    rows = [(row[0], row[2]) for row in watch.samples if row[0] >= warm]
    if len(rows) < 6:
        return None
    part = max(len(rows) // 4, 3)
    first = statistics.median(resident for _, resident in rows[:part])
    last = statistics.median(resident for _, resident in rows[-part:])
    return slope(rows) * 60, first, last


def report(options, watch, findings, begun, ended, status):
    """Prints what happened; whether all is well."""
    breaches = list(watch.faults)
    for kind, faults in (("good", findings.good), ("bad", findings.bad)):
        breaches += [f"{kind} client {name}: {what}" for name, what in faults[:20]]
        if len(faults) > 20:
            breaches.append(f"{kind} clients: {len(faults) - 20} faults more")
    print("\nWhat the clients did:")
    for name, number in sorted(findings.counts.items()):
        print(f"  {name:28} {number:12,}")
    answered = watch.samples[-1][1] if watch.samples else 0
    print(f"\nrequests answered            {answered:14,.0f}")
    print(f"faults of good clients       {len(findings.good):14}")
    print(f"faults with bad clients      {len(findings.bad):14}")
    print(f"descriptors before, after    {begun:14} {ended}")
    if ended > begun:
        breaches.append(f"{ended - begun} descriptors more than before the clients came")
    if found := memory(watch, options.minutes):
        grown, first, last = found
        print(f"resident after warm-up, end  {first / 2**20:10.1f} MiB {last / 2**20:.1f} MiB")
        print(f"its slope                    {grown / 2**10:10.1f} KiB a minute")
        if last - first > max(GROWTH_BYTES_MAX, GROWTH_PART_MAX * first):
            breaches.append(f"{(last - first) / 2**20:.1f} MiB grown after warm-up")
    else:
        print("resident                     too short a time to tell")
    print(f"exit status after SIGTERM    {status!s:>14}")
    if status != 0:
        breaches.append(f"exit status {status} after SIGTERM")
    for breach in breaches:
        print(f"BREACH: {breach}")
    return not breaches


def main():
    options = arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "models").mkdir()
        work.make_models(folder / "models")
        authority = Authority(folder / "authority")
        server = serve(folder / "models", authority)
        try:
            place = Place(server.port, server.tls_port, str(authority.file))
            context = Context(place, work.questions(), ssl.create_default_context(cafile=place.authority))
            learn(context)
            watch = Watch(server.process, server.also("admin"))
            time.sleep(1)
            begun = watch.descriptors()
            run(options, context, watch, findings)
            ended, status = begun, None
            if server.process.poll() is None:
                ended = settled(watch, begun)
                watch.sample()
                server.send_signal(signal.SIGTERM)
                status = server.wait()
            if text := server.error_text().strip():
                print(f"\nThe server said:\n{text[-4000:]}")
        finally:
            server.kill()
    sys.exit(0 if report(options, watch, findings, begun, ended, status) else 1)


if __name__ == "__main__":
    main()
