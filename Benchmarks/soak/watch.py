"""The server seen from outside, through /proc and its admin address."""

import os
import time

import requests

PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    def __init__(self, process, admin):
        self.process, self.folder, self.admin = process, f"/proc/{process.pid}", admin
        self.samples, self.faults = [], []
        self.begin = time.monotonic()

    def resident(self):
        with open(f"{self.folder}/statm") as file:
            return int(file.read().split()[1]) * PAGE

    def descriptors(self):
        return len(os.listdir(f"{self.folder}/fd"))

    def threads(self):
        return len(os.listdir(f"{self.folder}/task"))

    def get(self, path):
        return requests.get(
            f"http://{self.admin}{path}", timeout=30, headers={"Connection": "close"})

    def metric(self, name):
        """The sum over all labels."""
        total = 0.0
        for line in self.get("/metrics").text.splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                total += float(line.rpartition(" ")[2])
        return total

    def sample(self):
        """One row: seconds, requests, bytes, descriptors, threads. Readiness must be quick."""
        if self.process.poll() is not None:
            self.faults.append(f"the server ended with status {self.process.returncode}")
            return None
        begun = time.monotonic()
        try:
            status = self.get("/readyz").status_code
        except requests.RequestException as error:
            status = repr(error)
        took = time.monotonic() - begun
        if status != 200 or took > 10:
            self.faults.append(f"readiness: {status} after {took:.1f} s")
        try:
            answered = self.metric("martlet_http_requests_total")
        except requests.RequestException as error:
            self.faults.append(f"metrics: {error!r}")
            answered = self.samples[-1][1] if self.samples else 0
        row = (begun - self.begin, answered, self.resident(), self.descriptors(), self.threads())
        self.samples.append(row)
        return row


def slope(points):
    """Least squares: how much y grows with x."""
    number = len(points)
    mean_x = sum(x for x, _ in points) / number
    mean_y = sum(y for _, y in points) / number
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return above / below if below else 0.0
