"""An error and a close code are one line in the header: what is generated from it has them."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/hearth.h").read_text()


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_line(enum: str, line: str) -> str:
    """The header with one line more at the end of an enum."""
    end = f"}} {enum};"
    head, tail = HEADER.split(end)
    last = re.search(r"(= -?\d+)( +/\*[^*]*\*/\n)$", head)
    head = head[: last.start()] + last[1] + "," + last[2]
    return f"{head}    {line}\n{end}{tail}"


def expect(text: str, parts: list[str]) -> None:
    for part in parts:
        if part not in text:
            raise SystemExit(f"a line in the header does not lead to: {part}")


def main() -> None:
    swift, python = tool("generate_swift"), tool("generate_abi")

    header = with_line("hearth_error", "HEARTH_ERR_EXAMPLE_FAULT = -999 /* this is an example */")
    files = swift.files(header)
    expect(
        files["Sources/HearthEngine/Shared/Status.swift"],
        ["case exampleFault = -999", '"HEARTH_ERR_EXAMPLE_FAULT"', '"this is an example"'],
    )
    expect(files["Sources/Hearth/HearthError+Codes.swift"], ["exampleFault", "/// This is an example."])
    expect(
        python.render_errors(python.read_header(header)),
        ["class ExampleFaultError(HearthError):", "This is an example.", "code = -999"],
    )

    header = with_line("hearth_close_code", "HEARTH_CLOSE_EXAMPLE_END = 4599 /* this is an example */")
    files = swift.files(header)
    expect(files["Sources/HearthWire/CloseCode+Codes.swift"], ["exampleEnd = CloseCode", "case exampleEnd"])
    expect(files["Sources/Hearth/CloseCode.swift"], ["exampleEnd: UInt16 = 4599"])
    expect(python.render_abi(python.read_header(header)), ["CLOSE_EXAMPLE_END: Final = 4599"])

    without = header.replace("HEARTH_CLOSE_EXAMPLE_END = 4599 /* this is an example */", "HEARTH_CLOSE_X = 1")
    try:
        swift.files(without)
    except SystemExit:
        return
    raise SystemExit("a close code without a sentence is taken")


if __name__ == "__main__":
    sys.exit(main())
