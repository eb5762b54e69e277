"""The numbers of docs/bench.md: prefgen beside a plain asyncio + openai-python loop that does the same work.

    python tests/bench/bench_run.py ../shared/tools/mock_server.py [--quick]

Each side runs in a process of its own; CPU is what the kernel counts for that process (user + system), wall
is from its first to its last line, memory is its peak. The mock server runs beside them on the same machine.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

PORT = 18973
BASE = f"http://127.0.0.1:{PORT}"

RECIPE = """
name: bench
seed: 7
models:
  mock: {{use: openai, name: mock, temperature: 1.0, max_tokens: 256}}
stages:
  - prompts: {{use: file, path: {prompts}}}
  - sample: {{use: each, model: mock, n: 4}}
  - judge:
      quality: {{use: ultrafeedback, model: {{is: mock, max_tokens: 512}}, calls: one}}
  - pair: {{use: best_vs_worst, score: quality}}
run:
  concurrency: {concurrency}
  timeout: 60
  endpoints: {{mock: {{n: false}}}}     # four requests, as the loop makes them
  max_records_in_flight: {window}
"""

LOOP = '''
"""Four samples and one judgment a prompt with AsyncOpenAI, 64 requests at once; nothing is kept."""
import asyncio, json, sys
from openai import AsyncOpenAI

sys.path.insert(0, sys.argv[3])
from prefgen.kit.aspect_replies import blocks_schema

ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")


async def main(path, base):
    client = AsyncOpenAI(base_url=base, api_key="none")
    gate = asyncio.Semaphore(64)
    ratings = {"name": "ratings", "schema": blocks_schema(ASPECTS, 4), "strict": True}
    schema = {"type": "json_schema", "json_schema": ratings}

    async def ask(model, messages, **more):
        async with gate:
            reply = await client.chat.completions.create(model=model, messages=messages, **more)
        return reply.choices[0].message.content

    async def one(prompt):
        turns = [{"role": "user", "content": prompt}]
        options = {"temperature": 1.0, "max_tokens": 256}
        texts = await asyncio.gather(*(ask("mock", turns, **options, seed=i) for i in (1, 2, 3, 4)))
        shown = "\\n".join(f"<text {i + 1}>\\n{t}\\n</text {i + 1}>" for i, t in enumerate(texts))
        turns = [{"role": "user", "content": prompt + shown}]
        reply = await ask("mock", turns, temperature=0, max_tokens=512, response_format=schema)
        return json.loads(reply)

    prompts = [json.loads(line)["prompt"] for line in open(path)]
    queue = iter(prompts)

    async def worker():
        for prompt in queue:
            await one(prompt)

    await asyncio.gather(*(worker() for _ in range(64)))


asyncio.run(main(sys.argv[1], sys.argv[2]))
'''


FROM_PYTHON = """
import sys, time
from prefgen.api.run import run
from prefgen.engine.event_loop import collect_rarely
collect_rarely()
started = time.perf_counter()
run(sys.argv[1], out=sys.argv[2], journal=sys.argv[3])
print(time.perf_counter() - started)
"""


def prompts_file(folder: Path, count: int) -> Path:
    path = folder / f"prompts-{count}.jsonl"
    with path.open("w") as file:
        for i in range(count):
            text = f"Question {i}: " + " ".join(f"word{(i * 7 + j * 13) % 997}" for j in range(30))
            file.write(json.dumps({"prompt": text}) + "\n")
    return path


def measured(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds and peak MiB of a command's own process."""
    environment = {**os.environ, "OPENAI_BASE_URL": f"{BASE}/v1", "OPENAI_API_KEY": "none"}
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    talk = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{talk.decode()[-2000:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def control(path: str, **settings: float) -> dict:
    data = json.dumps(settings).encode() if settings else None
    with urlopen(
        Request(BASE + path, data=data, method="POST" if data or path == "/reset" else "GET"), timeout=10
    ) as reply:
        return json.load(reply)


def prefgen(
    folder: Path,
    prompts: Path,
    name: str,
    *,
    journal: Path | None = None,
    concurrency: int = 64,
    window: int = 128,
) -> dict[str, float]:
    recipe = folder / f"{name}.yaml"
    recipe.write_text(RECIPE.format(prompts=prompts, concurrency=concurrency, window=window))
    journal = journal or folder / f"{name}.sqlite"
    command = [
        sys.executable,
        "-m",
        "prefgen",
        "run",
        str(recipe),
        "--out",
        str(folder / name),
        "--journal",
        str(journal),
        "-q",
        "-y",
    ]
    return measured(command)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("server", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tenth of the prompts: to see that it runs")
    parser.add_argument("--only", default="", help="regular expression of the rows to measure")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    server = subprocess.Popen(
        [sys.executable, str(options.server), "--port", str(PORT), "--latency-ms", "20", "--log-size", "10"],
        stdout=subprocess.DEVNULL,
    )
    rows: list[tuple[str, str, str]] = []

    def wanted(name: str) -> bool:
        return re.search(options.only, name) is not None

    try:
        for _ in range(100):
            try:
                control("/health")
                break
            except OSError:
                time.sleep(0.1)
        with tempfile.TemporaryDirectory(prefix="prefgen-bench-") as name:
            folder = Path(name)
            if wanted("cpu"):
                cpu_and_rate(folder, 5000 // scale, rows)
            if wanted("wall"):
                wall(folder, 1000 // scale, rows)
            if wanted("memory"):
                memory(folder, 20000 // scale, rows)
        if wanted("help"):
            times = [measured([sys.executable, "-m", "prefgen", "--help"])["wall"] for _ in range(7)]
            rows.append(("`prefgen --help`, median of 7", f"{sorted(times)[3]:.3f} s", "< 0.3 s"))
    finally:
        server.terminate()
    for what, found, must in rows:
        print(f"| {what} | {found} | {must} |")


def cpu_and_rate(folder: Path, count: int, rows: list[tuple[str, str, str]]) -> None:
    prompts, requests = prompts_file(folder, count), count * 5
    script = folder / "loop.py"
    script.write_text(LOOP)
    control("/config", latency_ms=20)
    root = str(Path(__file__).resolve().parents[2])
    control("/reset")
    loop = measured([sys.executable, str(script), str(prompts), f"{BASE}/v1", root])
    loop_span = control("/stats")["span_s"]
    control("/reset")
    ours = prefgen(folder, prompts, "cpu")
    stats = control("/stats")
    rows.append(("openai-python loop: CPU a request", f"{1000 * loop['cpu'] / requests:.3f} ms", ""))
    rows.append(("prefgen: CPU a request", f"{1000 * ours['cpu'] / requests:.3f} ms", "<= 0.45 ms"))
    rows.append(("openai-python loop: requests a second", f"{requests / loop_span:.0f}", ""))
    rate = requests / stats["span_s"]
    rows.append(
        ("prefgen: requests a second", f"{rate:.0f} ({rate / (requests / loop_span):.2f} x)", ">= 3.5 x")
    )
    rows.append(
        (
            "requests sent by prefgen",
            f"{stats['total']:,} of {requests:,}, {stats['dup_sent']} twice",
            "none twice",
        )
    )
    replay = prefgen(folder, prompts, "replay", journal=folder / "cpu.sqlite")
    itself = subprocess.run(
        [
            sys.executable,
            "-c",
            FROM_PYTHON,
            str(folder / "replay.yaml"),
            str(folder / "python"),
            str(folder / "cpu.sqlite"),
        ],
        env={**os.environ, "OPENAI_BASE_URL": f"{BASE}/v1", "OPENAI_API_KEY": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    again = control("/stats")["total"] - stats["total"]
    rows.append(
        (
            "replaying the finished run: calls a second (whole process)",
            f"{requests / replay['wall']:.0f} ({again} asked)",
            ">= 8,000",
        )
    )
    rows.append(
        (
            "the same from Python, without the start of the process",
            f"{requests / float(itself.stdout):.0f}",
            ">= 8,000",
        )
    )


def wall(folder: Path, count: int, rows: list[tuple[str, str, str]]) -> None:
    prompts, requests = prompts_file(folder, count), count * 5
    control("/config", latency_ms=200)
    control("/reset")
    ours = prefgen(folder, prompts, "wall", concurrency=64)
    stats = control("/stats")
    ideal = requests * 0.2 / 64
    rows.append(
        (
            "200 ms server: server's span over the ideal",
            f"{stats['span_s'] / ideal:.3f} (peak {stats['peak']} at once)",
            "<= 1.08",
        )
    )
    rows.append(("200 ms server: whole process over the ideal", f"{ours['wall'] / ideal:.3f}", ""))


def memory(folder: Path, count: int, rows: list[tuple[str, str, str]]) -> None:
    control("/config", latency_ms=5)
    small = prefgen(folder, prompts_file(folder, count // 10), "small")
    large = prefgen(folder, prompts_file(folder, count), "large")
    rows.append(
        (
            f"peak memory at {count:,} prompts over {count // 10:,}",
            f"{large['mib'] / small['mib']:.2f} ({large['mib']:.0f} MiB)",
            "<= 1.3",
        )
    )


if __name__ == "__main__":
    main()
