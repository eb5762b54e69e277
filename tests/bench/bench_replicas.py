"""Two replicas of one model, of which one answers in 100 ms and the other in 300, 32 requests at once each:
how many requests a second come back, of the 427 that both together can answer.

    python -m tests.bench.bench_replicas [--runs 3] [--prompts 2000]

The servers are processes of their own on the same machine; what is more than 32 waits there, as in vLLM. The
rate is that of all requests over the longer of both servers' spans, from the first request to the last reply,
so that the beginning and the end of a run count.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from tests.bench.bench_run import prompts_file
from tests.support.places_server import a_server

PLACES = 32
LATENCIES_MS = (100, 300)
BEST = sum(PLACES / (ms / 1000) for ms in LATENCIES_MS)
WAYS = (
    ("auto, by /metrics", "auto", ()),
    ("auto, without /metrics", "auto", ("--no-metrics",)),
    (f"{2 * PLACES}", str(2 * PLACES), ()),
)

RECIPE = """
name: replicas
seed: 7
models:
  m: {{use: vllm, temperature: 1.0, max_tokens: 256}}
stages:
  - prompts: {{use: file, path: {prompts}}}
  - sample: {{use: each, model: m, n: 4}}
  - judge:
      quality: {{use: ultrafeedback, model: {{is: m, max_tokens: 512}}, calls: one}}
  - pair: {{use: best_vs_worst, score: quality}}
run:
  concurrency: {concurrency}
  timeout: 60
  endpoints: {{m: {{url: {urls}, n: false}}}}
"""


def rate(folder: Path, prompts: Path, concurrency: str, options: tuple[str, ...]) -> tuple[float, list[int]]:
    """(requests a second, how many each replica answered) of one run against servers of its own."""
    with ExitStack() as running, tempfile.TemporaryDirectory(dir=folder) as out:
        addresses = [
            running.enter_context(a_server("--latency-ms", str(ms), "--places", str(PLACES), *options))[1]
            for ms in LATENCIES_MS
        ]
        urls = json.dumps([f"{address}/v1" for address in addresses])
        recipe = Path(out) / "replicas.yaml"
        recipe.write_text(RECIPE.format(prompts=prompts, concurrency=concurrency, urls=urls))
        command = [sys.executable, "-m", "prefgen", "run", str(recipe), "--out", f"{out}/run"]
        command += ["--journal", f"{out}/calls.sqlite", "-q", "-y"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        stats = [json.load(urlopen(f"{address}/stats", timeout=10)) for address in addresses]
    answered = [each["total"] for each in stats]
    return sum(answered) / max(each["span_s"] for each in stats), answered


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prefgen-bench-") as name:
        folder = Path(name)
        prompts = prompts_file(folder, options.prompts)
        for words, concurrency, server_options in WAYS:
            for _ in range(options.runs):
                found, answered = rate(folder, prompts, concurrency, server_options)
                shares = " + ".join(f"{count:,}" for count in answered)
                print(f"| {words} | {found:.0f} | {found / BEST:.3f} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
