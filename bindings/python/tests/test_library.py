"""Loading the library, and the mirror of its header."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys

import hearth
import pytest
from conftest import ROOT
from hearth import _abi, _library, errors


def python(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_mirror_is_what_the_header_says():
    command = [sys.executable, str(ROOT / "tools" / "generate_abi.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def tool(name):
    """A program of tools/, as a module."""
    specification = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_an_error_an_event_and_a_close_code_are_one_line_of_the_header_for_python():
    generator = tool("generate_abi")
    text = (ROOT / "include" / "hearth.h").read_text()
    for line, planted in (
        ("    HEARTH_ERR_INVALID = -1,", "    HEARTH_ERR_PLANTED = -99, /* planted here */"),
        ("    HEARTH_EVENT_CONNECT = 1,", "    HEARTH_EVENT_PLANTED = 99,"),
        ("    HEARTH_CLOSE_NORMAL = 1000,", "    HEARTH_CLOSE_PLANTED = 4199, /* planted here */"),
    ):
        assert line in text
        text = text.replace(line, f"{planted}\n{line}")
    header = generator.read_header(text)
    assert "EVENT_PLANTED: Final = 99" in generator.render_abi(header)
    made = {}
    exec(generator.render_errors(header), made)
    error = made["PlantedError"]
    assert (error.code, error.name, error.__doc__) == (-99, "HEARTH_ERR_PLANTED", "Planted here.")
    assert made["BY_CODE"][-99] is error and "PlantedError" in made["__all__"]
    exec(generator.render_close_codes(header), made)
    assert made["CloseCode"].PLANTED == 4199


def test_a_key_is_one_row_of_the_key_table_for_python():
    generator = tool("generate_options")
    planted = {"key": "planted", "type": "duration", "default": "1s", "scope": "server, client", "help": "x."}
    choice = {**planted, "key": "chosen", "values": ["a", "1"], "scope": "client", "default": "a"}
    rows = [*generator.described(), planted, choice]
    generator.described = lambda: rows
    made = {}
    exec(generator.render(), made)
    for options in (made["ServerOptions"], made["ClientOptions"]):
        assert "planted" in options.__annotations__
    chosen = made["ClientOptions"].__annotations__["chosen"].__forward_arg__
    assert chosen.replace("'", '"') == 'Literal["a", "1", 1]'
    assert "chosen" not in made["ServerOptions"].__annotations__


def test_the_structs_have_the_layout_that_a_c_compiler_gives_them(tmp_path):
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    structs = [
        _abi.hearth_event, _abi.hearth_packed_event, _abi.hearth_log_entry, _abi.hearth_except,
        _abi.hearth_connection_info,
    ]  # fmt: skip
    lines = ["#include <stdio.h>", '#include "hearth.h"', "int main(void) {"]
    expected = []
    for struct in structs:
        name = struct.__name__
        lines.append(f'    printf("%zu\\n", sizeof({name}));')
        expected.append(ctypes.sizeof(struct))
        for field, *_ in struct._fields_:
            lines.append(f'    printf("%zu\\n", offsetof({name}, {field}));')
            expected.append(getattr(struct, field).offset)
    (tmp_path / "layout.c").write_text("\n".join([*lines, "}"]))
    command = [compiler, "-I", str(ROOT / "include"), "layout.c", "-o", "layout"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    output = subprocess.run(["./layout"], cwd=tmp_path, capture_output=True, timeout=60, check=True).stdout
    assert [int(number) for number in output.split()] == expected


def test_the_version_is_that_of_the_header():
    assert hearth.version().split(".")[:2] == _abi.VERSION.split(".")[:2]


def test_each_error_of_the_library_has_a_class_of_its_name():
    functions = _library.load().quick
    for code, error in errors.BY_CODE.items():
        assert functions.error_name(code).decode() == error.name
        assert getattr(hearth, error.__name__) is error
        assert issubclass(error, hearth.HearthError)
        with pytest.raises(error) as caught:
            _library.check(code)
        assert str(caught.value) == functions.strerror(code).decode() != ""
        assert caught.value.code == code


def test_an_error_that_is_not_known_is_still_an_error():
    with pytest.raises(hearth.HearthError) as caught:
        _library.check(-9999)
    assert caught.value.code == -9999


def test_importing_the_package_loads_no_library():
    result = python("import hearth; print('imported')", HEARTH_LIBRARY="/nowhere.so")
    assert result.stdout == "imported\n", result.stderr


def test_a_library_that_is_nowhere_lists_each_place_with_the_reason(tmp_path):
    package = tmp_path / "hearth"
    shutil.copytree(ROOT / "bindings" / "python" / "hearth", package, ignore=shutil.ignore_patterns("*.so*"))
    (package / "libhearth.so").write_text("no library")
    result = python("import hearth; hearth.version()", PYTHONPATH=str(tmp_path), HEARTH_LIBRARY="")
    lines = [line for line in result.stderr.splitlines() if line.startswith("  in ") or "  on " in line]
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith(f"  in the package: {package}/libhearth.so: ") and "too short" in lines[0]
    assert lines[1].startswith("  on the system: libhearth.so: ")


def test_a_library_that_is_not_there_is_named_with_the_reason():
    result = python("import hearth; hearth.version()", HEARTH_LIBRARY="/nowhere/libhearth.so")
    assert "LibraryNotFoundError" in result.stderr
    assert "named by HEARTH_LIBRARY: /nowhere/libhearth.so: there is no such file" in result.stderr


def test_a_file_that_is_no_library_of_ours_is_named_with_the_reason(tmp_path):
    (tmp_path / "libhearth.so").write_bytes(b"no library")
    result = python("import hearth; hearth.version()", HEARTH_LIBRARY=str(tmp_path / "libhearth.so"))
    assert "LibraryNotFoundError" in result.stderr
    import _ctypes

    result = python("import hearth; hearth.version()", HEARTH_LIBRARY=_ctypes.__file__)
    assert "it lacks a function of version" in result.stderr


def test_each_place_that_was_searched_is_listed(tmp_path):
    shutil.copytree(ROOT / "bindings" / "python" / "hearth", tmp_path / "hearth")
    program = "import ctypes.util; ctypes.util.find_library = lambda name: '/absent/libhearth.so.0'\n"
    program += "import hearth; hearth.version()"
    result = python(program, HEARTH_LIBRARY="", PYTHONPATH=str(tmp_path))
    assert "in the package: " in result.stderr
    assert "on the system: /absent/libhearth.so.0" in result.stderr


def test_a_library_in_the_package_is_found_first(tmp_path):
    shutil.copytree(ROOT / "bindings" / "python" / "hearth", tmp_path / "hearth")
    shutil.copy(_library.load().path, tmp_path / "hearth" / "libhearth.so")
    program = "import hearth._library as library; print(library.load().path)"
    result = python(program, HEARTH_LIBRARY="", PYTHONPATH=str(tmp_path))
    assert result.stdout.strip() == str(tmp_path / "hearth" / "libhearth.so"), result.stderr


def test_the_package_passes_strict_type_checking():
    pytest.importorskip("mypy")
    folder = ROOT / "bindings" / "python"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "hearth"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout


def test_a_program_that_never_stops_its_server_ends_well():
    program = """
import asyncio, gc, hearth
async def main(driven):
    server = hearth.Server("127.0.0.1:0", driven=driven, log_level="debug")
    await server.start()
    await asyncio.open_connection("127.0.0.1", server.port)
for driven in (True, False):
    asyncio.run(main(driven))
    gc.collect()
print("ended")
"""
    result = python(program)
    assert (result.stdout, result.returncode) == ("ended\n", 0), result.stderr


def test_a_child_after_fork_is_told_so():
    program = """
import asyncio, os, sys, hearth
async def main():
    async with hearth.Server("127.0.0.1:0", driven=False) as server:
        pid = os.fork()
        if pid == 0:
            try:
                server.broadcast("x")
            except hearth.ForkedError:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(pid, 0)
        print(os.WEXITSTATUS(status))
asyncio.run(main())
"""
    result = python(program)
    assert result.stdout == "7\n", result.stderr
