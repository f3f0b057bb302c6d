#!/usr/bin/env python3
"""Writes the Python mirror of include/hearth.h.

    tools/generate_abi.py           writes _abi.py, errors.py and close_codes.py of the package
    tools/generate_abi.py --check   writes nothing; fails if one of them is stale
"""

from __future__ import annotations

import builtins
import pathlib
import re
import sys
from typing import Dict, List, NamedTuple, Tuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "hearth.h"
PACKAGE = ROOT / "bindings" / "python" / "hearth"

SCALARS = {
    "void": "None",
    "int": "c_int",
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "uint8_t": "c_uint8",
    "uint16_t": "c_uint16",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
    "size_t": "c_size_t",
    "hearth_connection": "c_uint64",
}

STRUCT_LETTERS = {"uint16_t": "H", "int32_t": "i", "uint32_t": "I", "uint64_t": "Q"}

CALLBACK = r"typedef ([\w ]+)\(\*(\w+)\)\((.*?)\);"


class EnumValue(NamedTuple):
    name: str
    value: int
    comment: str


class Header(NamedTuple):
    version: str
    enums: Dict[str, List[EnumValue]]
    structs: Dict[str, List[Tuple[str, str]]]
    callbacks: Dict[str, Tuple[str, List[str]]]
    functions: Dict[str, Tuple[str, List[str]]]


class UnknownDeclaration(Exception):
    """The header holds something that this program does not read."""


# ---------------------------------------------------------------- reading the header


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def split_declaration(declaration: str) -> Tuple[str, str]:
    """"const char *room" becomes ("const char *", "room")."""
    match = re.fullmatch(r"\s*(.*?[\s*])(\w+)\s*", declaration, flags=re.S)
    if match is None:
        raise UnknownDeclaration(declaration)
    return " ".join(match.group(1).split()), match.group(2)


def parameter_types(text: str) -> List[str]:
    if text.strip() in ("", "void"):
        return []
    return [split_declaration(part)[0] for part in text.split(",")]


def fields_of(body: str) -> List[Tuple[str, str]]:
    """Fields with their types. Text that carries its length may hold NUL: an address, not a C string."""
    fields = [(field, kind) for kind, field in map(split_declaration, body.split(";")[:-1])]
    names = {field for field, _ in fields}
    return [(field, "void *" if f"{field}_length" in names else kind) for field, kind in fields]


def read_enums(text: str) -> Dict[str, List[EnumValue]]:
    enums = {}
    for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\} \1;", text, flags=re.S):
        values = re.findall(r"(\w+) = (-?\d+),?[ \t]*(?:/\*(.*?)\*/)?", body, flags=re.S)
        enums[name] = [
            EnumValue(key, int(value), " ".join(comment.split())) for key, value, comment in values
        ]
    return enums


def read_header(text: str) -> Header:
    bare = without_comments(text)
    version = re.search(r'define HEARTH_VERSION_STRING "([^"]+)"', text)
    if version is None:
        raise UnknownDeclaration("HEARTH_VERSION_STRING")
    structs = {
        name: fields_of(body)
        for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", bare, flags=re.S)
    }
    callbacks = {
        name: (result.strip(), parameter_types(parameters))
        for result, name, parameters in re.findall(CALLBACK, bare, flags=re.S)
    }
    functions = {}
    for declaration in re.findall(r"^HEARTH_API (.*?);", bare, flags=re.S | re.M):
        head, parameters = declaration.split("(", 1)
        result, name = split_declaration(head)
        functions[name] = (result, parameter_types(parameters.rstrip().rstrip(")")))
    return Header(version.group(1), read_enums(text), structs, callbacks, functions)


# ---------------------------------------------------------------- types in Python


def python_type(kind: str, header: Header) -> str:
    """How ctypes names a C type. Handles are opaque addresses; bytes passed in are c_char_p or c_void_p."""
    bare = kind.replace("const ", "").strip()
    if bare in SCALARS:
        return SCALARS[bare]
    if bare in header.callbacks:
        return bare
    if bare in header.enums:
        return "c_int"
    if not bare.endswith("*"):
        raise UnknownDeclaration(kind)
    pointee = bare[:-1].strip()
    if pointee == "char":
        return "c_char_p"
    if pointee in header.structs:
        return f"POINTER({pointee})"
    if pointee.endswith("*"):
        return "POINTER(c_void_p)"
    if pointee in ("size_t", "hearth_connection"):
        return f"POINTER({SCALARS[pointee]})"
    return "c_void_p"


def error_class(name: str) -> str:
    words = "".join(word.capitalize() for word in name.split("_")[2:]) + "Error"
    return "Hearth" + words if hasattr(builtins, words) else words


# ---------------------------------------------------------------- writing


def wrapped_call(indent: str, head: str, items: List[str], tail: str) -> List[str]:
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if len(line) <= 110:
        return [line]
    return [f"{indent}{head}", *(f"{indent}    {item}," for item in items), f"{indent}{tail}"]


def render_abi(header: Header) -> str:
    out = [
        '"""The C interface of Hearth, as include/hearth.h declares it.',
        "",
        "Generated by tools/generate_abi.py; changes belong into the header.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from ctypes import CDLL, CFUNCTYPE, POINTER, Structure",
        "from ctypes import c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64",
        "from ctypes import c_void_p",
        "from typing import Any, Callable, Dict, Final, Tuple",
        "",
        f'VERSION: Final = "{header.version}"',
    ]
    for name, values in header.enums.items():
        out += ["", f"# {name}"]
        out += [f"{value.name[len('HEARTH_'):]}: Final = {value.value}" for value in values]
    for name, fields in header.structs.items():
        out += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        out += [f'        ("{field}", {python_type(kind, header)}),' for field, kind in fields]
        out += ["    ]"]
    out += ["", ""]
    for name, (result, parameters) in header.callbacks.items():
        types = [python_type(result, header), *(python_type(kind, header) for kind in parameters)]
        out += wrapped_call("", f"{name} = CFUNCTYPE(", types, ")")
    out += ["", "", "# The fields of hearth_packed_event, with letters of the struct module."]
    out += ["PACKED_EVENT: Final = ("]
    for field, kind in header.structs["hearth_packed_event"]:
        out += [f'    ("{field}", "{STRUCT_LETTERS[kind]}"),']
    out += [")", "", "# The result and the parameters of each function."]
    out += ["_SIGNATURES: Dict[str, Tuple[Any, ...]] = {"]
    for name, (result, parameters) in header.functions.items():
        types = [python_type(result, header)] + [python_type(kind, header) for kind in parameters]
        key = name[len("hearth_") :]
        out += wrapped_call("    ", f'"{key}": (', types, ",)," if len(types) == 1 else "),")
    out += [
        "}",
        "",
        "",
        "class Functions:",
        '    """Every function of the header, bound to one loaded library."""',
        "",
        *(f"    {name[len('hearth_'):]}: Callable[..., Any]" for name in header.functions),
        "",
        "    def __init__(self, library: CDLL) -> None:",
        "        for name, (result, *parameters) in _SIGNATURES.items():",
        '            function = getattr(library, f"hearth_{name}")',
        "            function.restype = result",
        "            function.argtypes = parameters",
        "            setattr(self, name, function)",
    ]
    return "\n".join(out) + "\n"


def render_errors(header: Header) -> str:
    errors = [value for value in header.enums["hearth_error"] if value.value < 0]
    out = [
        '"""The errors of Hearth: one class for each error of include/hearth.h.',
        "",
        "Generated by tools/generate_abi.py; changes belong into the header.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Dict, Type",
        "",
        "",
        "class HearthError(Exception):",
        '    """What every error of the library is. `code` is its number and `name` its name in C."""',
        "",
        "    code: int = 0",
        '    name: str = ""',
    ]
    for value in errors:
        # A sentence that begins with a key keeps its spelling.
        is_key = "_" in value.comment.split(" ")[0]
        comment = value.comment if is_key else value.comment[:1].upper() + value.comment[1:]
        out += [
            "",
            "",
            f"class {error_class(value.name)}(HearthError):",
            f'    """{comment.rstrip(" …")}."""',
            "",
            f"    code = {value.value}",
            f'    name = "{value.name}"',
        ]
    out += ["", "", "BY_CODE: Dict[int, Type[HearthError]] = {"]
    out += [f"    {value.value}: {error_class(value.name)}," for value in errors]
    out += ["}", "", "__all__ = [", '    "HearthError",']
    out += [f'    "{error_class(value.name)}",' for value in errors]
    out += ["]"]
    return "\n".join(out) + "\n"


def render_close_codes(header: Header) -> str:
    out = [
        '"""The close codes of include/hearth.h.',
        "",
        "Generated by tools/generate_abi.py; changes belong into the header.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "import enum",
        "",
        "",
        "class CloseCode(enum.IntEnum):",
        '    """Why a connection is closed (RFC 6455 7.4). 4000 to 4099 are for programs. After a code from',
        '    4100 to 4499 coming back is of use, after one from 4500 on it is not."""',
    ]
    for value in header.enums["hearth_close_code"]:
        is_key = "_" in value.comment.split(" ")[0]
        comment = value.comment if is_key else value.comment[:1].upper() + value.comment[1:]
        out += ["", f"    {value.name[len('HEARTH_CLOSE_'):]} = {value.value}", f'    """{comment}."""']
    return "\n".join(out) + "\n"


def main(arguments: List[str]) -> int:
    header = read_header(HEADER.read_text(encoding="utf-8"))
    files = {
        PACKAGE / "_abi.py": render_abi(header),
        PACKAGE / "errors.py": render_errors(header),
        PACKAGE / "close_codes.py": render_close_codes(header),
    }
    stale = [
        path
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        name = path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{name} is not what include/hearth.h says: run tools/generate_abi.py")
        else:
            path.write_text(files[path], encoding="utf-8")
            print(f"wrote {name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
