"""The lines that shells read, and what a person gets of them who presses Tab in the shells that are there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT
from tests.support.harnesses.command import Commands
from tests.support.patience import stretched

CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
TAB = {
    "bash": """
eval "$(pixmill completion bash)"
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
_pixmill_completion pixmill
echo "${COMP_WORDS[*]:0:COMP_CWORD} ${COMPREPLY[0]}"
""",
    "fish": """
pixmill completion fish | source
complete -C $argv[1]
""",
    "zsh": """
zmodload zsh/zpty
zpty person zsh -f -i
zpty -w person 'autoload -U compinit; compinit -u -D; eval "$(pixmill completion zsh)"
tell() { zle complete-word; print -r -- "<<$BUFFER>"">" }; zle -N tell; bindkey "^T" tell; print rea""dy'
zpty -r person line '*ready*'
zpty -w -n person "$1"$'\x14'
zpty -r person line '*<<*>>*'
print -r -- "${${line##*<<}%%>>*}"
""",
}
"""Programs of each shell that load the lines, and print what it makes of the words before Tab."""
START = {"bash": ["bash", "--norc", "-c", TAB["bash"], "bash"], "fish": ["fish", "--no-config", "-c", TAB["fish"]]}
START["zsh"] = ["zsh", "-f", "-c", TAB["zsh"], "zsh"]


@pytest.mark.parametrize("shell", CHECKS)
def test_a_shell_gets_lines_that_ask_the_command(commands: Commands, shell: str) -> None:
    done = commands.run("completion", shell)
    lines = "\n".join(done.lines)
    assert (done.status, f"_PIXMILL_COMPLETE={shell}_complete" in lines) == (0, True)
    if shutil.which(shell):
        assert subprocess.run(CHECKS[shell], input=lines, text=True, capture_output=True).stderr == ""


def completed(shell: str, folder: Path, words: str) -> str:
    """What `words` and Tab become in a real shell in `folder` (fish: the first offer and what it says of it)."""
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    (folder / "bin").mkdir()
    (folder / "bin" / "pixmill").write_text(f"#!{sys.executable}\nfrom pixmill.command import main\nmain()\n")
    (folder / "bin" / "pixmill").chmod(0o755)
    environ = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder),
        "TERM": "dumb", "LANG": "C.UTF-8",
    }  # fmt: skip
    done = subprocess.run(
        [*START[shell], words], cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=stretched(30),
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()[0].rstrip()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("pixmill requ", "pixmill requeue"),
        ("pixmill upload --pres", "pixmill upload --preset"),
        ("pixmill jobs --state dea", "pixmill jobs --state dead"),
    ],
)
def test_a_word_is_completed(tmp_path: Path, shell: str, words: str, whole: str) -> None:
    assert completed(shell, tmp_path, words) == whole


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pixmill requ", "requeue\tRun failed, dead or cancelled jobs once more."),
        ("pixmill upload --pres", "--preset\tA preset of the server's; without it and --recipe: default."),
        ("pixmill jobs --state dea", "dead"),
        ("pixmill audit a,", "a,b.txt"),
    ],
)
def test_fish_is_told_the_whole(tmp_path: Path, words: str, offered: str) -> None:
    (tmp_path / "a,b.txt").write_text("")
    assert completed("fish", tmp_path, words) == offered
