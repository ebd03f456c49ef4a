#!/usr/bin/env python3
"""Tests how the image's scripts parse the output of ldd, ninja and dpkg, on short examples."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from debian_packages import licences_of, package_of, parse_control, parse_search  # noqa: E402
from linked import parse_deps, parse_ldd  # noqa: E402
from project_tree import expect  # noqa: E402
from sbom import LOADED, component, document  # noqa: E402

LDD = """\tlinux-vdso.so.1 (0x00007f8151469000)
\tlibfoo.so.1 => /lib/x86_64-linux-gnu/libfoo.so.1 (0x00007f8150e24000)
\t/lib/ld-linux-aarch64.so.1 (0x0000ffff8151469000)
"""
DEPS = """a.cc.o: #deps 3, deps mtime 1 (VALID)
    ../../src/a.cc
    /usr/include/boost/asio.hpp

b.cc.o: #deps 1, deps mtime 1 (VALID)
    /usr/include/gtest/gtest.h
"""
CONTROL = """Package: libfoo1
Status: install ok installed
Source: foo (1.0-1)
Version: 1.0-1+b2
Architecture: arm64
Description: a library
 Homepage: not this one
"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: BSD-2-clause

Files: x
License: Expat

Files: y
License: BSD-2-clause
"""


def main() -> None:
    expect(
        "libraries and the loader, without what the kernel maps",
        parse_ldd(LDD),
        [Path("/lib/x86_64-linux-gnu/libfoo.so.1"), Path("/lib/ld-linux-aarch64.so.1")],
    )
    try:
        parse_ldd("\tlibgone.so.1 => not found\n")
    except SystemExit as error:
        expect("a missing library is an error that names it", "libgone.so.1" in str(error), True)
    else:
        sys.exit("self-test failed: a missing library is accepted")
    expect(
        "headers of the binary's objects only",
        parse_deps(DEPS, {"a.cc.o"}),
        {Path("/usr/include/boost/asio.hpp")},
    )
    expect(
        "the package of a file; no diversions",
        parse_search("diversion by a from: /x\nlibc6:amd64, libc6-i386: /lib/libc.so.6\n"),
        {"/lib/libc.so.6": "libc6"},
    )
    package = parse_control(CONTROL)
    expect(
        "name, version and source",
        (package.name, package.version, package.source),
        ("libfoo1", "1.0-1+b2", "foo"),
    )
    expect("licences, each once", licences_of(COPYRIGHT), ["BSD-2-clause", "Expat"])
    expect("no licences from free text", licences_of("License: see below"), [])
    made = component(package, LOADED, COPYRIGHT)
    expect(
        "the package's URL",
        made["purl"],
        "pkg:deb/debian/libfoo1@1.0-1%2Bb2?arch=arm64&distro=debian-12&upstream=foo",
    )
    other = component(package_of("libc6"), LOADED, "")
    expect(
        "the same bytes for any order of components",
        document("1", [made, other]) == document("1", [other, made]),
        True,
    )
    print("self-test passed")


if __name__ == "__main__":
    main()
