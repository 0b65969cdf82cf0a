"""Warnings about scripts that `sh` takes otherwise than bash."""

from __future__ import annotations

import pytest

from cictl.project_file import lint_warnings
from cictl.project_file.hints.shell import remarks

HEAD = "version: 1\nproject: {name: p}\npipelines:\n  - id: a\n    jobs:\n      - id: j\n"

REAL = [
    'set -eu\nif [ "$A" = b ]; then echo yes; fi\n[ -n "${B:-}" ] || exit 2',
    "awk '{ if ($1 == \"x\") { n[$2]++ } } END { for (k in n) print k, n[k] }' list.txt | sort -rn | head -5",
    "awk -F, '$3 == 1 && /[[:digit:]]/ { a[1] = (2); print a[1] | \"tee out\" }' data.csv",
    "cat <<EOF > config.sh\nif [[ $x == y ]]; then a=(1 2); fi\nmake | tee log\nEOF\nsh -n config.sh || true",
    "bash <<'END'\nset -euo pipefail\nfiles=(*.txt)\n[[ ${#files[@]} == 3 ]]\nmake | tee log\nEND",
    "bash -c 'set -o pipefail; [[ a == a ]] && make | tee log'",
    "# use [[ a == b ]] in bash; a=(1) is an array; x | tee y hides failures\ntrue",
    "python3 - <<'PY'\nimport sys\nx = [1]\nif x[0] == 1:\n    sys.exit(0)\nPY",
    'grep -E "^[[:space:]]*(a|b)==" file.txt | wc -l',
    "case \"$TARGET\" in\n  linux-*|darwin-*) ./build.sh ;;\n  win*) ./build.cmd ;;\n  *) echo 'what == that?' >&2; exit 1 ;;\nesac",
    'for f in src/*.c; do\n  cc -c "$f" || exit 1\ndone\nwhile read -r line; do echo "$line"; done < list',
    "cat <<'EOF' | sudo tee /etc/apt/sources.list.d/x.list\ndeb https://example.com x main\nEOF",
    'echo "deb https://example.com x main" | sudo tee -a /etc/apt/sources.list\nprintf "%s\\n" a b | tee list',
    "make test 2>&1 | tee log || true\ngrep -q OK log",
    "set -o pipefail\nmake test 2>&1 | tee log",
    '{ make test; echo $? > rc; } 2>&1 | tee log\nexit "$(cat rc)"',
    'version=$(git describe --tags | sed "s/^v//")\ntest "$version" = "$(cat VERSION)"',
    "jq -e '.items[] | select(.name == \"x\")' data.json > /dev/null && echo found",
    'expr "$a" == 1 || :\nsed -i "s/==/=/" requirements.txt\npip install "x==1.0" y==2',
    'docker run --rm img sh -c "[ a = a ] && echo ok" # == done',
    'x="${y#*[}"; z=${x%%]*}; echo "$z" "${1:-it\'s}" "$((1 == 2))" `date`',
    'retry() {\n  n=0\n  until "$@"; do n=$((n + 1)); [ "$n" -lt 5 ] || return 1; sleep 1; done\n}\nretry curl -f https://example.com',
    'find . -name "*.log" -print0 | xargs -0 rm -f\nps aux | grep -v grep | grep agent | wc -l',
    'trap \'rm -rf "$tmp"\' EXIT\ntmp=$(mktemp -d)\n(cd "$tmp" && tar xf -) < archive.tar',
    "cat <<-END\n\ttext with [[ brackets ]]\n\tEND\necho ${CI+set}",
    "go test ./... -run 'Test[[:alpha:]]' -json > out.json\n./{{target}} --a=(b",
]


@pytest.mark.parametrize("script", REAL)
def test_scripts_that_are_right_are_left_alone(script: str) -> None:
    assert remarks(script) == []


@pytest.mark.parametrize(
    ("script", "where", "word"),
    [
        pytest.param('if [[ $a =~ ^(x|y)$ ]]; then echo "$(date)"; fi', "[[", "[["),
        pytest.param('v=$(if [[ "$a" ]]; then echo; fi)', "[[", "[["),
        pytest.param("case $a in x|y) [[ -f z ]] ;; esac", "[[", "[["),
        pytest.param('[ "$a" == b ]', "==", "=="),
        pytest.param("! test $a == b && echo", "==", "=="),
        pytest.param('files=(a "b c" # comment )\n d)', "files", "array"),
        pytest.param('echo "${files[@]}"', "${files", "array"),
        pytest.param("a[1]=2", "a[1]", "array"),
        pytest.param("declare -A map", "-A", "array"),
        pytest.param("cd x && make test 2>&1 | tee log", "make", "make fails"),
        pytest.param("(sleep 1; true) && ./run |\n  tee log", "./run", "./run fails"),
        pytest.param("if ! CC=gcc make | sudo tee log; then exit 1; fi", "CC", "make fails"),
        pytest.param("curl -fsSL https://example.com/install | sh", "curl", "curl fails"),
        pytest.param("cat <<EOF\ntext\nEOF\nmake | tee log", "make", "make fails"),
    ],
)
def test_what_sh_does_not_have_is_told(script: str, where: str, word: str) -> None:
    [remark] = remarks(script)
    assert remark.offset == script.index(where)
    assert word in remark.text


@pytest.mark.parametrize(
    "text", ["'", '"', "$(", "${", "((", "<<E\n", "a(", ")", "case", "[[", "a=(", "`", "\\", "$", "|", "<"]
)
@pytest.mark.parametrize("count", [1, 20_000])
def test_what_is_no_script_is_read_in_silence(text: str, count: int) -> None:
    assert {remark.offset for remark in remarks(text * count)} <= {0}


@pytest.mark.parametrize(
    ("step", "place"),
    [
        pytest.param("run: make | tee log", (8, 18), id="plain"),
        pytest.param("run: 'true && make | tee log'", (8, 27), id="quoted"),
        pytest.param("run: |\n              true\n\n                make | tee log", (11, 17), id="block"),
        pytest.param("run: >-\n              true &&\n              make | tee log", (8, 18), id="folded"),
        pytest.param("test:\n              command: make | tee log\n              report: r", (9, 24), id="test"),
    ],
)
def test_warnings_have_a_place(step: str, place: tuple[int, int]) -> None:
    warnings = lint_warnings(f"{HEAD}        steps:\n          - {step}\n", config_file="cictl.yaml")
    [found] = [warning for warning in warnings if "does not notice" in warning.message]
    assert (found.line, found.column) == place


@pytest.mark.parametrize(
    ("runs_on", "count"),
    [
        ("", 1),
        ("{shell: posix, executor: script}", 1),
        ("{os: windows}", 0),
        ("{shell: powershell, executor: script}", 0),
    ],
)
def test_only_scripts_of_sh_are_read(runs_on: str, count: int) -> None:
    steps = "        steps: [&s {run: '[[ a ]]'}, *s]\n"  # an alias is one place
    assert len(lint_warnings(f"{HEAD}        runs_on: {runs_on}\n{steps}", config_file="cictl.yaml")) == count
