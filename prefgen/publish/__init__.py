"""From a run to a release: splits, rows, version, card, and one commit on the Hub."""

import sys
from types import ModuleType
from typing import Any


class _PublishModule(ModuleType):
    """`prefgen.publish` is this package, and `prefgen.publish(...)` a function of `prefgen.api.datasets`:
    importing anything of a package puts it in the place of a function of its name.
    """

    def __call__(self, run: Any, **options: Any) -> Any:
        package: Any = sys.modules["prefgen"]  # which knows where the function is; layers import downwards
        return package._publish(run, **options)


sys.modules[__name__].__class__ = _PublishModule
