"""Tokens a second through prefgen beside those of the engine's own offline LLM.chat: SmolLM2 on processors.

`make bench-vllm` (the environment of `make vllm`). Both are timed from the first request to the last reply.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ENGINE = Path(sys.prefix) / "vllm"
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "2",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
FLAGS = {"dtype": "float32", "enforce_eager": True, "enable_chunked_prefill": False, "max_model_len": 512}
OFFLINE = """
import json, sys, time
from vllm import LLM, SamplingParams
prompts, flags = json.load(open(sys.argv[1])), json.loads(sys.argv[4])
model, tokens = sys.argv[2], int(sys.argv[3])
if __name__ == "__main__":
    llm = LLM(model, generation_config="vllm", max_num_seqs=256, **flags)
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    llm.chat(chats[:1], SamplingParams(max_tokens=1), use_tqdm=False)
    wanted = [SamplingParams(n=2, temperature=1.0, max_tokens=tokens, seed=i) for i in range(len(chats))]
    began = time.perf_counter()
    answers = llm.chat(chats, wanted, use_tqdm=False)
    seconds = time.perf_counter() - began
    made = sum(len(choice.token_ids) for answer in answers for choice in answer.outputs)
    print(json.dumps({"tokens": made, "seconds": seconds}))
"""


def offline(folder: Path, prompts: list[str], tokens: int) -> tuple[int, float]:
    """(tokens, seconds) of the engine by itself."""
    import os

    (folder / "prompts.json").write_text(json.dumps(prompts))
    (folder / "offline.py").write_text(OFFLINE)
    words = [folder / "prompts.json", ENGINE / "models" / "smollm2", tokens, json.dumps(FLAGS)]
    done = subprocess.run(
        [ENGINE / "bin" / "python", folder / "offline.py", *map(str, words)],
        env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not said:
        sys.exit(done.stderr[-2000:])
    result = json.loads(said[-1])
    return result["tokens"], result["seconds"]


def by_prefgen(folder: Path, prompts: list[str], tokens: int, concurrency: object) -> tuple[int, float]:
    """(tokens, seconds) of a run that serves the model itself."""
    out = folder / str(concurrency)
    out.mkdir()
    serve = {"python": str(ENGINE / "bin" / "python"), "max_num_seqs": 256, "env": ENVIRONMENT, **FLAGS}
    recipe = {
        "name": "bench",
        "models": {
            "own": {
                "use": "vllm",
                "name": str(ENGINE / "models" / "smollm2"),
                "temperature": 1.0,
                "max_tokens": tokens,
            }
        },
        "stages": [
            {"prompts": {"use": "inline", "prompts": prompts}},
            {"sample": {"use": "each", "model": "own", "n": 2}},
        ],
        "run": {"endpoints": {"own": {"serve": serve}}, "concurrency": concurrency},
    }
    (out / "r.json").write_text(json.dumps(recipe))
    subprocess.run(
        [sys.executable, "-m", "prefgen", "run", "r.json"], cwd=out, check=True, capture_output=True
    )
    with sqlite3.connect(out / "runs" / "calls.sqlite") as journal:
        made, first, last = journal.execute(
            "select sum(completion_tokens), min(time - seconds), max(time) from replies"
        ).fetchone()
    return made, last - first


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    settings = parser.parse_args()
    prompts = [f"Write a short story about a {i}-year-old who finds a key." for i in range(settings.prompts)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rates = {}
        for name, measured in (
            ("offline LLM.chat", lambda: offline(folder, prompts, settings.tokens)),
            ("prefgen, 64 at once", lambda: by_prefgen(folder, prompts, settings.tokens, 64)),
            ("prefgen, auto", lambda: by_prefgen(folder, prompts, settings.tokens, "auto")),
        ):
            made, seconds = measured()
            rates[name] = made / seconds
            share = rates[name] / rates["offline LLM.chat"]
            print(
                f"{name}: {made:,} tokens in {seconds:.1f} s, {rates[name]:.0f} a second ({share:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
