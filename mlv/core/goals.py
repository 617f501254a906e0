"""Whether a high or a low value of a metric is better."""

from __future__ import annotations

import re

from mlv.core.run import Goal

_WORDS = re.compile(r"[a-z0-9]+")
_MINIMIZE = frozenset(
    "loss error err mse rmse mae mape rmsle nll cer wer perplexity ppl fid latency duration time "
    "seconds logloss crossentropy divergence kl".split()
)
_MAXIMIZE = frozenset(
    "accuracy acc precision recall f1 fbeta auc auroc roc auprc map iou dice bleu rouge score r2 "
    "reward return psnr ssim throughput ndcg mrr specificity sensitivity mcc kappa".split()
)


def guess_goal(metric: str) -> Goal | None:
    """Return the goal that a metric's name suggests, None when it suggests none.

    >>> guess_goal("val/accuracy"), guess_goal("train_loss"), guess_goal("depth")
    ('maximize', 'minimize', None)
    """
    words = set(_WORDS.findall(metric.lower()))
    if words & _MINIMIZE:
        return "minimize"
    if words & _MAXIMIZE:
        return "maximize"
    return None
