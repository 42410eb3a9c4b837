"""Dynamic loss scaling, which keeps small gradients of float16 from becoming zero."""

from __future__ import annotations

from dataclasses import dataclass

_GROWS_AFTER = 2000  # steps in a row without overflow
_LARGEST = 2.0**24


@dataclass
class LossScale:
    """The factor that the loss is multiplied by, and the gradient divided by (Micikevicius et al. 2018, section 3.2).

    It halves when a gradient overflows, and doubles after ``_GROWS_AFTER`` steps without.

    Attributes:
        value: the factor, a power of two.
        steps: how many steps in a row have had finite gradients since it last changed.
    """

    value: float = 2.0**15
    steps: int = 0

    def update(self, finite: bool) -> bool:
        """Takes note of a step, and returns whether it should have had a smaller factor.

        At 1 it cannot fall further: then the gradients themselves are at fault.
        """
        if finite:
            self.steps += 1
            if self.steps == _GROWS_AFTER:
                self.value, self.steps = min(2.0 * self.value, _LARGEST), 0
            return False
        fell = self.value > 1.0
        self.value, self.steps = max(1.0, 0.5 * self.value), 0
        return fell
