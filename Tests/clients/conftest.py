import pathlib
import resource
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from martlet_process import MartletProcess  # noqa: E402

# Tests open more connections than the usual soft limit of 1,024 files; servers inherit it.
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


@pytest.fixture(scope="session")
def server():
    """The committed models, served for the whole run; it must survive all of it and leave cleanly."""
    process = MartletProcess()
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture
def start():
    """Starts servers of a test's own; those that still run are stopped, and must leave cleanly."""
    processes = []

    def start(*arguments, **options):
        process = MartletProcess(*arguments, **options)
        processes.append(process)
        return process

    try:
        yield start
        for process in processes:
            if process.process.poll() is None:
                process.stop()
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(autouse=True)
def server_is_alive(request):
    """A crash is reported by the test that caused it."""
    yield
    if "server" in request.fixturenames:
        process = request.getfixturevalue("server")
        assert process.process.poll() is None, process.report()
