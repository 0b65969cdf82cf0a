"""Small repositories in the shapes of public ones: what `cictl init` has to understand, and what it writes has to build."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A repository.

    Attributes:
        tool: The program that its job requires; empty for none.
        found: What `cictl init` says that it found.
        jobs: The jobs of its pipeline.
        tests: How many tests are reported.
    """

    files: dict[str, str]
    tool: str
    found: str
    jobs: tuple[str, ...]
    tests: int = 0


PYTHON = Sample(
    files={
        "README.md": "# calc\n",
        ".gitignore": "__pycache__/\n",
        ".github/workflows/test.yml": "on: push\njobs: {}\n",
        "calc.py": "def add(a, b): return a + b\n",
        "tests/test_calc.py": "import unittest, calc\nclass T(unittest.TestCase):\n"
        "    def test_add(self): self.assertEqual(calc.add(1, 2), 3)\n",
    },
    tool="python3",
    found="Python",
    jobs=("test",),
)
NODE = Sample(
    files={
        "README.md": "# n\n",
        ".gitignore": "node_modules/\n",
        "package.json": '{"name": "n", "scripts": {"test": "node --test", "lint": "node --check index.js"}}',
        "index.js": "exports.add = (a, b) => a + b\n",
        "index.test.js": "const t = require('node:test'), assert = require('node:assert')\n"
        "t('adds', () => assert.equal(require('./index').add(1, 2), 3))\n",
    },
    tool="node",
    found="Node with npm",
    jobs=("node",),
    tests=1,
)
GO = Sample(
    files={
        "README.md": "# g\n",
        "go.mod": "module example.com/g\n\ngo 1.18\n",
        "g.go": "package g\n\nfunc Add(a, b int) int { return a + b }\n",
        "g_test.go": 'package g\n\nimport "testing"\n\n'
        "func TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
    },
    tool="go",
    found="Go",
    jobs=("go",),
    tests=1,
)
RUST = Sample(
    files={
        ".gitignore": "/target\n",
        "Cargo.toml": '[package]\nname = "tea"\nversion = "0.1.0"\nedition = "2021"\n',
        "src/lib.rs": "pub fn add(a: i32, b: i32) -> i32 { a + b }\n\n"
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() { assert_eq!(super::add(1, 2), 3); }\n}\n",
    },
    tool="cargo",
    found="Rust",
    jobs=("rust",),
)
MAKE = Sample(
    files={
        "Makefile": "NAME := hello\nall: hello\nhello: hello.in\n\tcp hello.in hello\ncheck: all\n\tgrep -q hi hello\n",
        "hello.in": "hi\n",
    },
    tool="make",
    found="make",
    jobs=("make",),
)
CMAKE = Sample(
    files={
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(h C)\nenable_testing()\nadd_executable(h h.c)\n"
        "add_test(NAME runs COMMAND h)\n",
        "h.c": "int main(void) { return 0; }\n",
    },
    tool="cmake",
    found="C with CMake",
    jobs=("cmake",),
    tests=1,
)
