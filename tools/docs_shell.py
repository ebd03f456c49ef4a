"""The commands of a document: how a block divides into them, and what can be checked without running one."""

import fnmatch
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHART = "deploy/helm/event-ingestor"
# The values that `helm upgrade --reuse-values` finds; the READMEs upgrade an installation with a log on volumes.
REUSED_VALUES = f"{CHART}/examples/msk-iam.yaml"
# Programs and folders of scripts that a block may name without running them, with what is done instead.
CHECKED_ONLY = {
    "make": "`make -n` must know the target, and what it would run is checked too",
    "helm": "`helm template` must render the chart with these values",
    "tools/": "takes minutes; the script, its flags, presets and targets must exist",
    "bench/": "takes minutes; the script and its flags must exist",
}
PYTHON = "build/venv/bin/python"
QUICK = {"tools/lint.sh"}
KEYWORDS = set("for in do done if then else fi while until exec env ! { }".split())
OPERATOR = re.compile(r"[();<>|&]+")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
PLACEHOLDER = re.compile(r"[$*{}<>]|\b[A-Z][A-Z-]+\b")


class Statement(NamedTuple):
    line: int
    text: str
    expected: str | None  # its output as the document states it
    status: str | None  # of its HTTP reply


def shell_complete(text: str) -> bool:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stderr


def statements(text: str, line: int) -> list[Statement]:
    """The commands of a block. Comments right behind a command are its output."""
    found: list[Statement] = []
    begin, pending = 0, ""
    after_command = False
    for number, one in enumerate(text.splitlines(), line):
        if not pending and one.startswith("#"):
            if after_command:
                found[-1] = with_output(found[-1], one[1:].removeprefix(" "))
            continue
        if not pending and not one.strip():
            after_command = False
            continue
        begin = begin if pending else number
        pending += one + "\n"
        if one.endswith("\\") or not shell_complete(pending):
            continue
        found.append(Statement(begin, pending, None, None))
        pending, after_command = "", True
    if pending:
        found.append(Statement(begin, pending, None, None))
    return found


def with_output(command: Statement, comment: str) -> Statement:
    """A line of output; `status 202` at its end is the status of the HTTP reply."""
    line, status = re.fullmatch(r"(.*?)(?:(?:^|\s+)status (\d\d\d))?", comment).groups()
    expected = f"{command.expected or ''}{line}\n" if line or not status else command.expected
    return command._replace(expected=expected, status=status or command.status)


def sessions(text: str, line: int) -> list[Statement]:
    """The commands of a `console` block, with the output below each."""
    found: list[Statement] = []
    for number, one in enumerate(text.splitlines(), line):
        if one.startswith("$ "):
            found.append(Statement(number, one[2:] + "\n", "", None))
        elif found and found[-1].text.endswith("\\\n"):
            found[-1] = found[-1]._replace(text=found[-1].text + one + "\n")
        elif found:
            found[-1] = found[-1]._replace(expected=f"{found[-1].expected}{one}\n")
    return found


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command, without assignments, redirections and what is inside quotes."""
    text = re.sub(r"<<-?(['\"]?)(\w+)\1(.*?)\n.*?^\s*\2$", r"\3", text, flags=re.DOTALL | re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        words: list[str] = []
        redirected = False
        try:
            tokens = list(lexer) if not line.lstrip().startswith("#") else []
        except ValueError:  # a quote that ends in another line
            tokens = line.split()
        for token in tokens:
            if token.startswith("#"):
                break
            if OPERATOR.fullmatch(token):
                redirected = bool(re.fullmatch(r"[<>]+", token))
                if not redirected and words:
                    yield words
                    words = []
            elif redirected:
                redirected = False
            elif not words and (token in KEYWORDS or ASSIGNMENT.match(token)):
                continue
            else:
                words.append(token)
        if words:
            yield words


def program_of(words: list[str]) -> str:
    return words[0].removeprefix("./") if words else ""


def is_checked_only(text: str) -> str | None:
    """The entry of CHECKED_ONLY because of which this command is not run."""
    for words in simple_commands(text):
        program = program_of(words[1:] if program_of(words) == PYTHON else words)
        for name in CHECKED_ONLY:
            if (
                program == name or (name.endswith("/") and program.startswith(name))
            ) and program not in QUICK:
                return name
    return None


class Checker:
    """Checks commands against the project at `root`: targets, programs, files, flags."""

    def __init__(self, root: Path, names: set[str], helm: Path | None, help_text: str):
        self._root = root
        self._names = names  # of all files, relative to root
        self._top = {name.split("/")[0] for name in names if "/" in name}
        self._helm = helm
        self._help = help_text
        self._known: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}

    def as_command(self, span: str) -> str | None:
        """The command that a code span shows; None if it doesn't show one of ours."""
        words = next(simple_commands(span), [])
        program = program_of(words)
        if re.fullmatch(r"(config|metrics|wal|dlq) [a-z]+( --.*)?", span):
            return f"event-ingestor {span}"
        if program in ("make", "event-ingestor", "build/release/event-ingestor", PYTHON):
            return span if len(words) > 1 else None
        return span if "/" in program and program.endswith((".sh", ".py", "_tests")) else None

    def faults(self, text: str) -> list[str]:
        if not shell_complete(text):
            return ["it is not valid shell"]
        return [fault for words in simple_commands(text) for fault in self.faults_of(words)]

    def faults_of(self, words: list[str]) -> list[str]:
        program, arguments = program_of(words), words[1:]
        faults = [
            f"there is no {word}"
            for word in words
            if "/" in word and not PLACEHOLDER.search(word) and not self._exists(word)
        ]
        for word in words:
            if word.startswith("--gtest_filter="):
                faults += self._gtest(program, word.split("=")[1])
        if program == "make":
            return faults + self._make(arguments)
        if program == "helm":
            return faults + self._helm_faults(arguments)
        if program.split("/")[-1] == "event-ingestor":
            return faults + self._service(arguments)
        if program == "docker":
            # docker run [FLAGS] IMAGE [COMMAND]; docker exec NAME PROGRAM [COMMAND]
            at = max(
                (at for at, word in enumerate(words) if word.endswith("event-ingestor")), default=len(words)
            )
            return faults + self._service(words[at + 1 :])
        if program == PYTHON and arguments:
            return faults + self._script(arguments[0], arguments[1:])
        if program == "tools/build.sh":
            return faults + self._build(arguments)
        if program in self._names:
            return faults + self._script(program, arguments)
        return faults

    def _exists(self, word: str) -> bool:
        path = word.split("=", 1)[-1].rstrip("/") if word.startswith("-") else word.rstrip("/")
        if path.split("/")[0] not in self._top:
            return True
        return path in self._names or (self._root / path).is_dir()

    def _make(self, arguments: list[str]) -> list[str]:
        key = shlex.join(arguments)
        if key not in self._known:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
            done = subprocess.run(
                ["make", "-n", *arguments],
                cwd=self._root,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            self._known[key] = (
                [done.stderr.strip()]
                if done.returncode
                else [fault for words in simple_commands(done.stdout) for fault in self.faults_of(words)]
            )
        return self._known[key]

    def _text(self, suffix: str) -> str:
        """Of all files with this suffix."""
        if suffix not in self._texts:
            names = sorted(name for name in self._names if name.endswith(suffix))
            self._texts[suffix] = "\n".join((self._root / name).read_text() for name in names)
        return self._texts[suffix]

    def _build(self, arguments: list[str]) -> list[str]:
        presets = (self._root / "CMakePresets.json").read_text()
        faults = [f"no preset {preset}" for preset in arguments[:1] if f'"{preset}"' not in presets]
        return faults + [f"no target {target}" for target in arguments[1:] if not self._is_target(target)]

    def _is_target(self, name: str) -> bool:
        return bool(re.search(rf"\b{re.escape(name)}\b", self._text("CMakeLists.txt")))

    def _gtest(self, program: str, patterns: str) -> list[str]:
        target = program.split("/")[-1]
        tests = re.findall(
            r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", self._text("_test.cc"), re.MULTILINE
        )
        names = [f"{suite}.{name}" for suite, name in tests]
        faults = [] if self._is_target(target) else [f"no target {target}"]
        return faults + [
            f"no test is named {one}" for one in patterns.split(":") if not fnmatch.filter(names, one)
        ]

    def _script(self, script: str, arguments: list[str]) -> list[str]:
        """Each flag must be in the help of a Python script, or in the text of a shell script."""
        flags = [word.split("=")[0] for word in arguments if re.match(r"--[a-z]", word)]
        if script not in self._names or not flags:
            return [] if script in self._names else [f"there is no {script}"]
        text = (self._root / script).read_text()
        if script.endswith(".py") and "argparse" in text:
            done = subprocess.run(
                [self._root / PYTHON, self._root / script, "--help"],
                capture_output=True,
                text=True,
                check=False,
            )
            text = done.stdout
        elif "pytest" in text:
            return []
        return [
            f"{script} has no {flag}" for flag in flags if not re.search(rf"(?<![\w-]){flag}(?![\w-])", text)
        ]

    def _service(self, arguments: list[str]) -> list[str]:
        words = [word for word in arguments if not word.startswith("-")]
        commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}", self._help, re.MULTILINE)
        faults = []
        if words and words[0] not in commands and " ".join(words[:2]) not in commands:
            faults.append(f"event-ingestor has no command {' '.join(words[:2])}")
        for word in arguments:
            flag = word.split("=")[0]
            if word.startswith("--") and not re.search(
                rf"(?<![\w.-]){re.escape(flag)}(?![\w.-])", self._help
            ):
                faults.append(f"event-ingestor has no {flag}")
        return faults

    def _helm_faults(self, arguments: list[str]) -> list[str]:
        if self._helm is None:
            return ["helm is missing; run tools/setup.sh k8s"]
        verb, release, *rest = arguments
        if verb == "test":
            rest = [CHART, "--values", REUSED_VALUES, *rest]
        if "--reuse-values" in rest:
            rest += ["--values", REUSED_VALUES]
        rest = [word for word in rest if word not in ("--create-namespace", "--reuse-values")]
        if verb not in ("install", "upgrade", "test"):
            return [f"helm {verb} can't be checked"]
        done = subprocess.run(
            [self._helm, "template", release, *rest],
            cwd=self._root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return [done.stderr.strip()]
        if verb == "test" and not re.search(r'helm\.sh/hook"?: test', done.stdout):
            return ["the chart has no test"]
        return []
