"""Public benchmarks by name: where on the Hub their items are. Nothing is read until a recipe names one."""

from typing import NamedTuple


class Benchmark(NamedTuple):
    path: str
    config: str | None
    split: str
    column: str


BENCHMARKS = {
    "arc_challenge": Benchmark("allenai/ai2_arc", "ARC-Challenge", "test", "question"),
    "arc_easy": Benchmark("allenai/ai2_arc", "ARC-Easy", "test", "question"),
    "drop": Benchmark("ucinlp/drop", None, "validation", "question"),
    "gpqa": Benchmark("Idavidrein/gpqa", "gpqa_main", "train", "Question"),
    "gsm8k": Benchmark("openai/gsm8k", "main", "test", "question"),
    "hellaswag": Benchmark("Rowan/hellaswag", None, "validation", "ctx"),
    "humaneval": Benchmark("openai/openai_humaneval", None, "test", "prompt"),
    "ifeval": Benchmark("google/IFEval", None, "train", "prompt"),
    "judgebench": Benchmark("ScalerLab/JudgeBench", None, "gpt", "question"),
    "math_500": Benchmark("HuggingFaceH4/MATH-500", None, "test", "problem"),
    "mbpp": Benchmark("google-research-datasets/mbpp", "full", "test", "text"),
    "mmlu": Benchmark("cais/mmlu", "all", "test", "question"),
    "mmlu_pro": Benchmark("TIGER-Lab/MMLU-Pro", None, "test", "question"),
    "mt_bench": Benchmark("HuggingFaceH4/mt_bench_prompts", None, "train", "prompt"),
    "reward_bench": Benchmark("allenai/reward-bench", None, "filtered", "prompt"),
    "truthful_qa": Benchmark("truthfulqa/truthful_qa", "generation", "validation", "question"),
    "winogrande": Benchmark("allenai/winogrande", "winogrande_xl", "validation", "sentence"),
}
