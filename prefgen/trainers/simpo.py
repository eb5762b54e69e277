"""SimPO by TRL (Meng et al., arXiv 2405.14734): mean log-probabilities with a target margin, without a reference."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

from datasets import Dataset
from trl.experimental.cpo import CPOConfig, CPOTrainer

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import answer_logps


def trainer(job: PreparedTraining) -> CPOTrainer:
    """TRL's trainer for the job."""
    settings = job.settings
    arguments = CPOConfig(
        **job.arguments(best="eval_rewards/accuracies"),
        beta=settings.beta,
        loss_type="simpo",
        cpo_alpha=0.0,
        simpo_gamma=settings.gamma,
    )

    def rows(its: Any) -> Dataset:
        return Dataset.from_list(
            [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in its]
        )

    return CPOTrainer(
        model=job.model(),
        args=arguments,
        train_dataset=rows(job.train),
        eval_dataset=rows(job.test) if job.test else None,
        peft_config=job.lora(),
        **job.parts(),
    )


def margins(made: Any, job: PreparedTraining) -> list[float]:
    """beta * (mean log-probability of the chosen side's tokens - that of the rejected side's) of each held-out pair."""
    asked = [(row["prompt"], row[side]) for row in job.test for side in ("chosen", "rejected")]
    found = answer_logps(
        made.model.eval(),
        job.tokenizer,
        asked,
        max_length=job.max_length,
        batch_size=2 * job.settings.batch_size,
    )
    means = [total / max(1, tokens) for total, tokens in found]
    return [
        job.settings.beta * (chosen - rejected)
        for chosen, rejected in zip(means[::2], means[1::2], strict=True)
    ]
