"""Inputs and replies that went wrong elsewhere, run as a user would: none makes an inverted pair, changed
data, a traceback or a dataset that cannot finish. The kinds have tests of their own beside the code; this one
holds the cases together.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

CASES = ROOT.parent / "shared" / "cases"
SAYS = {
    "a01_alpaca_input": ["French.\\n\\nThe cat sleeps"],
    "a03_tool_calls_lost": ["tool_call"],
    "a04_references_number": ["exit 0"],
    "a07_gz_truncated": ["is no whole gzip file"],
    "a12_kto_csv_labels": ["label must be true or false"],
    "a13_two_users_in_a_row": ["two user turns follow each other"],
    "a15_completion_of_several_turns": ["the turns of the user within chosen and rejected are not the same"],
    "b03_think_close_only": ["CHOSEN  [{'role': 'assistant', 'content': 'GOODANSWER The Nile.'}]"],
    "b05_logprobs_refused_400": ["exit 0"],
    "b05d_top_logprobs_limit_5": ["exit 0"],
    "b10_403_for_one_prompt": ["runs/c  complete", "ok: 11 pairs of 11 prompts"],
    "b11_500_for_one_prompt": ["11 pairs"],
    "b12_200_with_error_body": ["No credits left"],
    "b14_end_tokens_in_answers": ["LOST sample good leak"],
    "b24_temperature_refused": ["temperature: null"],
    "b28_judge_is_not_shown_the_system_turn": ["Answer in German only"],
    "c05_side_ends_with_user": ["does not end with the assistant's turn"],
    "c07_false_leaks": ["exit 0"],
    "d5_greedy_n4": ["4 answers at temperature 0 are one"],
    "c17_nfkc_same": ["are the same"],
    "c19_contradicting_scores_imported": ["which one is better?"],
}
"""{case: what it must say}."""
NEVER = {
    "b14_end_tokens_in_answers": [r"CHOSEN .*(?:<\||</s>|end_of_turn|Human:)"],
    "b03_think_close_only": [r"CHOSEN .*think"],
    "b28_judge_is_not_shown_the_system_turn": [r"\b0 of \d+ judge requests"],
}


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.glob("[abcd]*_*")) if CASES.is_dir() else [])
def test_a_case_that_went_wrong_elsewhere(case, tmp_path):
    shutil.copytree(CASES / case, tmp_path / case)
    folder, port = tmp_path / case, free_port()
    for recipe in folder.rglob("*.yaml"):
        recipe.write_text(re.sub(r"127\.0\.0\.1:191\d\d", f"127.0.0.1:{port}", recipe.read_text()))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "PORT": str(port),
        "HF_HUB_OFFLINE": "1",
    }
    server = None
    if (folder / "replies.py").exists():
        command = [sys.executable, str(CASES.parent / "tools" / "case_server.py"), str(port), "replies.py"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert server.stdout
        server.stdout.readline()
    try:
        done = subprocess.run(
            ["bash", "cmd.sh"], cwd=folder, env=environment, capture_output=True, text=True, timeout=150
        )
    finally:
        if server is not None:
            server.kill()
            server.communicate()
    said = done.stdout + done.stderr

    # a script of the case's own may stumble over a column that was renamed since
    assert not re.search(r'Traceback \(most recent call last\):\n  File "(?!<stdin>)', said), said
    assert not re.search(r"^CHOSEN .*'content': 'meh", said, re.MULTILINE), said
    for words in SAYS.get(case, []):
        assert words in said, said
    for pattern in NEVER.get(case, []):
        assert not re.search(pattern, said), said
