"""Tasks of lm-evaluation-harness, item by item: by name, or as a YAML file of its form."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportCallIssue=false

import importlib.util
import io
import logging
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import datasets

from prefgen.errors import RecipeError
from prefgen.evaluation.models import LoadedModel
from prefgen.evaluation.tasks import ItemOutcome

HARNESS_METRICS = ("acc_norm", "acc", "exact_match", "pass@1", "f1", "em")
"""What counts of a task that measures several: the first of these."""


def harness_outcomes(
    model: LoadedModel, task: str, *, limit: int | None = None, batch_size: int = 8
) -> list[ItemOutcome]:
    """Each item of a task as the harness scored it. Raises RecipeError, in one line."""
    if importlib.util.find_spec("lm_eval") is None:
        raise RecipeError(
            f"{task!r} is no file; tasks by name need lm-evaluation-harness: pip install 'prefgen[eval]'"
        )
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()

    manager: Any = TaskManager()
    task_spec: Any = task
    if Path(task).suffix in (".yaml", ".yml"):
        task_spec = _read_task_file(Path(task))
    elif task not in manager.all_tasks:
        raise RecipeError(f"{task!r} is no file and no task of lm-evaluation-harness")
    try:
        lm = HFLM(pretrained=model.weights, tokenizer=model.tokenizer, batch_size=batch_size)
        tasks = manager.load([task_spec])
        with redirect_stderr(io.StringIO()):  # its progress bars would stand between our own lines
            results = evaluate(lm, tasks, limit=limit, bootstrap_iters=0, verbosity="ERROR")
    except Exception as error:  # whatever a task's own code and data raise
        raise RecipeError(
            f"lm-evaluation-harness could not run {task!r}: {' '.join(str(error).split())[:200]}"
        ) from None
    assert results is not None
    outcomes = []
    for name, samples in sorted(results.get("samples", {}).items()):
        for sample in samples:
            metric = next((m for m in HARNESS_METRICS if m in sample), None)
            if metric is None:
                raise RecipeError(f"{name!r} measures none of {', '.join(HARNESS_METRICS)} for each item")
            outcomes.append(
                ItemOutcome(
                    f"{name}/{sample['doc_id']}/{sample.get('filter', '')}", float(sample[metric]), name
                )
            )
    return outcomes


def _read_task_file(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise RecipeError(f"there is no file {str(path)!r}")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecipeError(f"cannot be read: {str(error).splitlines()[0]}", str(path)) from None
    if not isinstance(config, dict) or "task" not in config:
        raise RecipeError("is no task of lm-evaluation-harness: it has no `task`", str(path))
    return config
