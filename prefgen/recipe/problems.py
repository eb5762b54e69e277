"""What is wrong with a recipe, gathered, so that all of it is said at once and not one thing a call."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from prefgen.errors import RecipeError, RecipeErrors


def as_one(errors: Sequence[RecipeError]) -> RecipeError:
    """The one error, or a RecipeErrors of several, to be raised."""
    return errors[0] if len(errors) == 1 else RecipeErrors(errors)


class Problems:
    """Errors as they are found by checks that do not hang on each other."""

    def __init__(self) -> None:
        self._errors: list[RecipeError] = []

    @contextmanager
    def gathered(self) -> Generator[None]:
        """What is raised within is kept for `raise_all`, and what follows goes on."""
        try:
            yield
        except RecipeErrors as many:
            self._errors += many.errors
        except RecipeError as error:
            self._errors.append(error)

    def raise_all(self) -> None:
        """Raises what was gathered, if anything; what several checks found is said once."""
        errors = {str(error): error for error in self._errors}
        if errors:
            raise as_one(list(errors.values()))
