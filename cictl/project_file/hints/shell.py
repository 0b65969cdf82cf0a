"""Find in a shell script what `sh` does not have or does not do, though bash would.

This reads just enough of the language to tell commands from quotes, comments, here-documents and patterns. What it can't
make out ends the reading in silence: a warning that is wrong would cost more than one that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import dropwhile
from typing import NamedTuple

_MOST_CHARACTERS = 1 << 18
_MOST_LEVELS = 50

_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_PLAIN = re.compile(r"[^\s\\'\"$`;&|()<>]+")
_OPERATOR = re.compile(r";;&|;;|;&|&&|\|\||\|&|[;&|]")
_REDIRECTION = re.compile(r"<<<|<<-?|<&|<>|>>|>&|>\||[<>]")
_FUNCTION = re.compile(r"\([ \t]*\)")
_ESAC = re.compile(r"esac(?![^\s;&|)])")
_OR_NOTHING = re.compile(r"\|\|\s*(?:true|:)(?![^\s;&|)])")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
_ARRAY_ITEM = re.compile(r"[A-Za-z_]\w*\[[^\]]*\]\+?=")
_ARRAY_VALUE = re.compile(r"\$\{[#!]?[A-Za-z_]\w*\[")
_ARRAY_OPTION = re.compile(r"-[A-Za-z]*[aA][A-Za-z]*")

_OPENING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"})
"""Words after which a command begins."""
_CLOSING = frozenset({"fi", "done", "esac", "}"})
_DECLARING = frozenset({"declare", "typeset", "local", "readonly", "export"})
_SURE = frozenset({"echo", "printf", "true", ":", "yes", "date", "pwd", "seq", "uname", "hostname", "id", "whoami"})
"""Commands that hardly ever fail."""
_COPYING = frozenset({"tee", "ts"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_FETCHING = frozenset({"curl", "wget"})
_WRAPPING = frozenset({"sudo", "command", "exec", "env"})

_BRACKETS = "uses [[, which sh does not have; write [ or case"
_EQUALS = "compares with ==, which [ does not have in sh; write ="
_ARRAY = "uses an array, which sh does not have"
_PIPE = "does not notice when {first} fails, for a pipe ends as {last} does; let {first} write a file first"


class Remark(NamedTuple):
    """Something that `sh` takes otherwise than its author may think; `offset` is where in the script it stands."""

    offset: int
    text: str


def remarks(script: str) -> list[Remark]:
    """Return what `sh -e` does not have or do in *script*, in the order of the text."""
    reader = _Reader(script[:_MOST_CHARACTERS])
    with suppress(_Unclear):
        reader.read()
    found = set(reader.found)
    if "pipefail" in script or re.search(r"\bset \+e\b", script):
        found -= set(reader.pipes)
    return sorted(found)


class _Unclear(Exception):
    """The script can't be read further."""


class _Word(NamedTuple):
    """A word as it is written. It is `bare` if nothing in it is quoted or replaced."""

    text: str
    offset: int
    is_bare: bool


class _Command:
    """A simple command, or the last word of a compound one."""

    def __init__(self) -> None:
        self.words: list[_Word] = []
        self.is_compound = False
        self.has_here_document = False

    @property
    def names(self) -> list[str]:
        """Its words without assignments and without commands that only run another one."""
        texts = (word.text for word in self.words)
        return list(dropwhile(lambda text: text in _WRAPPING or _ASSIGNMENT.match(text), texts))

    @property
    def is_empty(self) -> bool:
        return not self.words and not self.is_compound

    @property
    def is_sure(self) -> bool:
        """Whether it can be relied on not to fail; of a compound command that is assumed."""
        names = self.names
        return (
            self.is_compound
            or not names
            or names[0] in _SURE
            or (names[0] == "cat" and (self.has_here_document or len(names) == 1))
        )


class _Reader:
    """One reading of a script, from its begin to its end."""

    def __init__(self, text: str) -> None:
        self.found: list[Remark] = []
        self.pipes: list[Remark] = []
        self._text = text
        self._at = 0
        self._levels = 0
        self._here_documents: list[tuple[str, bool]] = []
        self._command = _Command()
        self._pipeline: list[_Command] = []

    def read(self) -> None:
        self._commands(ends="")

    def _commands(self, *, ends: str) -> None:
        """Read commands up to *ends*, which is `)`, `;;` or empty for the end of the text, and go behind it.

        Those of a case also end before `esac`.
        """
        outer = self._command, self._pipeline
        self._command, self._pipeline = _Command(), []
        self._levels += 1
        if self._levels > _MOST_LEVELS:
            raise _Unclear
        while not self._has_ended(ends):
            self._step()
        self._end_pipeline()
        self._levels -= 1
        self._command, self._pipeline = outer

    def _has_ended(self, ends: str) -> bool:
        self._skip(_BLANKS)
        if self._at >= len(self._text):
            if ends:
                raise _Unclear
            return True
        if ends == ")" and self._text[self._at] == ")":
            self._at += 1
            return True
        if ends == ";;":
            if self._text.startswith((";;", ";&"), self._at):
                self._skip(_OPERATOR)
                return True
            return self._command.is_empty and _ESAC.match(self._text, self._at) is not None
        return False

    def _step(self) -> None:
        """Read one thing: a word, an operator, a comment or the end of a line."""
        character = self._text[self._at]
        if character == "\n":
            self._at += 1
            self._end_pipeline()
            self._skip_here_documents()
        elif character == "#":
            self._at = self._find("\n", self._at)
        elif character in ";&|":
            self._operator()
        elif character == "(":
            self._parenthesis()
        elif character == ")":
            raise _Unclear
        elif character in "<>":
            self._redirection()
        elif character.isspace():
            self._at += 1
        else:
            self._take(self._word())

    def _operator(self) -> None:
        begin = self._at
        operator = self._skip(_OPERATOR)
        if operator in ("|", "|&"):
            self._pipeline.append(self._end_command())
            while self._at < len(self._text) and self._text[self._at].isspace():  # a pipe goes on behind the line's end
                if self._text[self._at] == "\n" and self._here_documents:
                    self._at += 1
                    self._skip_here_documents()
                else:
                    self._at += 1
            return
        self._end_pipeline(is_excused=_OR_NOTHING.match(self._text, begin) is not None)

    def _parenthesis(self) -> None:
        words = self._command.words
        if words:  # only the name of a function stands before one
            if len(words) != 1 or not self._skip(_FUNCTION):
                raise _Unclear
            self._command = _Command()
        elif self._text.startswith("((", self._at):
            self._at = self._find("))", self._at) + 2
            self._command.is_compound = True
        else:
            self._at += 1
            self._commands(ends=")")
            self._command.is_compound = True

    def _redirection(self) -> None:
        operator = self._skip(_REDIRECTION)
        if self._text.startswith("(", self._at):  # a process substitution of bash
            self._at += 1
            self._commands(ends=")")
            return
        self._skip(_BLANKS)
        target = self._word()
        if operator in ("<<", "<<-"):
            self._command.has_here_document = True
            self._here_documents.append((re.sub(r"[\\'\"]", "", target.text), operator == "<<-"))

    def _skip_here_documents(self) -> None:
        for end, has_tabs in self._here_documents:
            for line in self._lines():
                if (line.lstrip("\t") if has_tabs else line) == end:
                    break
            else:
                raise _Unclear
        self._here_documents = []

    def _lines(self) -> Iterator[str]:
        while self._at < len(self._text):
            end = self._text.find("\n", self._at)
            end = len(self._text) if end < 0 else end
            line = self._text[self._at : end]
            self._at = min(end + 1, len(self._text))
            yield line

    def _take(self, word: _Word) -> None:
        """Add a word to the command that is being read, unless it stands between commands."""
        if word.text.isdigit() and self._text.startswith(("<", ">"), self._at):
            return
        if self._command.is_empty and word.is_bare:
            if word.text in _OPENING:
                return
            if word.text in ("case", "[["):
                self._case() if word.text == "case" else self._brackets(word)
                return
        self._command.is_compound = self._command.is_compound or (self._command.is_empty and word.text in _CLOSING)
        self._command.words.append(word)
        if _ASSIGNMENT.fullmatch(word.text) and self._text.startswith("(", self._at):
            self._note(word.offset, _ARRAY)
            self._skip_items()

    def _case(self) -> None:
        while self._next_word().text != "in":
            pass
        while True:
            self._skip_space()
            if self._skip(_ESAC):
                break
            self._pattern()
            self._commands(ends=";;")
        self._command.is_compound = True

    def _pattern(self) -> None:
        """Go behind the `)` after the patterns of a case."""
        if self._text.startswith("(", self._at):
            self._at += 1
        while not self._text.startswith(")", self._at):
            self._skip_space()
            if self._text.startswith("|", self._at):
                self._at += 1
            elif not self._text.startswith(")", self._at):
                self._word()
        self._at += 1

    def _brackets(self, word: _Word) -> None:
        self._note(word.offset, _BRACKETS)
        while True:  # inside, `(`, `|`, `<` and `&` mean something else
            self._skip_space()
            if _PLAIN.match(self._text, self._at) or self._text[self._at] in "\\'\"$`":
                if self._word().text == "]]":
                    break
            else:
                self._at += 1
        self._command.is_compound = True

    def _skip_items(self) -> None:
        """Go behind the items of an array."""
        self._at += 1
        while not self._text.startswith(")", self._at):
            self._skip_space()
            if self._text.startswith("#", self._at):
                self._at = self._find("\n", self._at)
            elif not self._text.startswith(")", self._at):
                self._word()
        self._at += 1

    def _next_word(self) -> _Word:
        self._skip_space()
        return self._word()

    def _skip_space(self) -> None:
        while self._at < len(self._text) and (
            self._text[self._at].isspace() or self._text.startswith("\\\n", self._at)
        ):
            self._at += 1 if self._text[self._at].isspace() else 2
        if self._at >= len(self._text):
            raise _Unclear

    def _word(self) -> _Word:
        begin, is_bare = self._at, True
        while self._at < len(self._text):
            if self._skip(_PLAIN):
                continue
            read = _QUOTING.get(self._text[self._at])
            if read is None:
                break
            is_bare = False
            read(self)
        if self._at == begin:
            raise _Unclear
        return _Word(self._text[begin : self._at], begin, is_bare)

    def _escape(self) -> None:
        self._at += 2

    def _single_quotes(self) -> None:
        self._at = self._find("'", self._at + 1) + 1

    def _double_quotes(self) -> None:
        self._at += 1
        while not self._text.startswith('"', self._at):
            self._in_quotes()
        self._at += 1

    def _in_quotes(self) -> None:
        """Go over one character between double quotes, or over what is replaced there."""
        if self._at >= len(self._text):
            raise _Unclear
        character = self._text[self._at]
        if character in "\\$`":
            _QUOTING[character](self)
        else:
            self._at += 1

    def _backquotes(self) -> None:
        self._at += 1
        while not self._text.startswith("`", self._at):
            if self._at >= len(self._text):
                raise _Unclear
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1

    def _dollar(self) -> None:
        if self._text.startswith("$((", self._at):
            self._at = self._find("))", self._at) + 2
        elif self._text.startswith("$(", self._at):
            self._at += 2
            self._commands(ends=")")
        elif self._text.startswith("${", self._at):
            if _ARRAY_VALUE.match(self._text, self._at):
                self._note(self._at, _ARRAY)
            self._braces()
        else:
            self._at += 1

    def _braces(self) -> None:
        """Go behind the `}` of a parameter's expansion."""
        self._levels += 1
        if self._levels > _MOST_LEVELS:
            raise _Unclear
        self._at += 2
        while not self._text.startswith("}", self._at):
            if self._text.startswith('"', self._at):
                self._double_quotes()
            else:
                self._in_quotes()
        self._at += 1
        self._levels -= 1

    def _end_command(self) -> _Command:
        command, self._command = self._command, _Command()
        words = command.words
        if words and words[0].text in ("[", "test"):
            for word in words[1:]:
                if word.text == "==":
                    self._note(word.offset, _EQUALS)
        if words and _ARRAY_ITEM.match(words[0].text):
            self._note(words[0].offset, _ARRAY)
        if words and words[0].text in _DECLARING:
            for word in words[1:]:
                if _ARRAY_OPTION.fullmatch(word.text):
                    self._note(word.offset, _ARRAY)
        return command

    def _end_pipeline(self, *, is_excused: bool = False) -> None:
        """End the command and its pipe; *is_excused* if the script says that its failure does not matter."""
        last = self._end_command()
        earlier, self._pipeline = self._pipeline, []
        if is_excused or not earlier or not last.names:
            return
        unsure = [command for command in earlier if not command.is_sure]
        if not unsure:
            return
        first, name = unsure[0], last.names[0]
        if name in _COPYING or (name in _SHELLS and first.names[0] in _FETCHING):
            remark = Remark(first.words[0].offset, _PIPE.format(first=first.names[0], last=name))
            self.pipes.append(remark)
            self.found.append(remark)

    def _note(self, offset: int, text: str) -> None:
        self.found.append(Remark(offset, text))

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Go behind what *pattern* matches here, and return it; empty if it does not match."""
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _find(self, text: str, begin: int) -> int:
        found = self._text.find(text, begin)
        if found < 0 and text == "\n":
            return len(self._text)
        if found < 0:
            raise _Unclear
        return found


_QUOTING: dict[str, Callable[[_Reader], None]] = {
    "\\": _Reader._escape,
    "'": _Reader._single_quotes,
    '"': _Reader._double_quotes,
    "`": _Reader._backquotes,
    "$": _Reader._dollar,
}
