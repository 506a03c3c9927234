"""The oldest supported version of each library whose pools the kit reads: the same cases must hold there.

Each version is installed beside the newest one, in a folder that stands before it on the path of a process of its own.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CASES = "tests/integrations/test_pool_adapters.py"
OUTAGES = "tests/integrations/test_pool_outages.py"
ROOT = Path(__file__).parent.parent.parent

OLDEST = {
    "TestAnyio": ["anyio==3.7.1", "sniffio>=1.3"],
    "TestAsyncpg": [
        "asyncpg==0.27.0" if sys.version_info < (3, 12) else "asyncpg==0.30.0"
    ],  # the first with wheels there
    "TestKombu": ["kombu==5.3.7"],
    "TestPsycopgPool": ["psycopg-pool==3.1"],
    "TestRedis": ["redis==4.5.5", "async-timeout>=4.0"],
    "TestSQLAlchemy": ["SQLAlchemy==1.4.54"],
    "TestUrllib3": ["urllib3==1.26.20"],
}


def install(requirements: list[str], target: Path) -> None:
    """Into a folder, by whichever installer is here."""
    uv = shutil.which("uv")
    if uv is not None:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    else:
        pytest.skip("neither uv nor pip is here, so that the oldest versions can't be installed")
    command += ["--no-deps", "--target", str(target), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        pytest.skip(f"{', '.join(requirements)} can't be installed here: {done.stderr.strip()[-300:]}")


@pytest.mark.parametrize("cases", OLDEST)
def test_the_oldest_supported_version(cases: str, tmp_path: Path) -> None:
    """Nothing that an adapter reads was missing then."""
    install(OLDEST[cases], tmp_path)
    name, _, version = OLDEST[cases][0].partition("==")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    seen = f"import importlib.metadata as m; print(m.version({name!r}))"
    there = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert there.stdout.strip() == version

    done = subprocess.run(
        # Warnings of old versions on new Pythons are theirs.
        [sys.executable, "-m", "pytest", "-q", "-W", "default", "-k", cases, CASES, OUTAGES],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )

    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-1_000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout or cases == "TestAnyio", done.stdout[-2_000:]
