"""The one form of an exercise: cases, properties, slips and an alternative; and how it judges.

An answer is right when it gives what the right function gives, on every case (and, where an
exercise has `more` to ask, when that finds nothing). Where it does not, the learner hears why:
from the slip that gives the same results on all cases so far; else from the first property that
the result lacks; else from the case; else from the exercise.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spanbert_teach.exercises.checking import (
    CHANGES,
    CRASH,
    ENDLESS,
    Wrong,
    call,
    equal,
    expectation,
    shown,
    shown_call,
)

OTHER = "other"  # the misconception of a wrong result that nobody foresaw


@dataclass(frozen=True)
class Case:
    """Arguments to ask for, and what to say where an answer fails just here. Made by `case`."""

    args: tuple
    hint: str
    misconception: str


def case(*args: Any, hint: str = "", misconception: str = OTHER) -> Case:
    """One case. A hint of its own is for what the arguments show: "The text may be empty."."""
    return Case(args, hint, misconception)


@dataclass(frozen=True)
class Property:
    """What holds for every right result; it catches the mistakes that nobody foresaw.

    Args:
        breach: takes the result, the right one, and the arguments that the learner's function was
            given. Returns something true where the property does not hold: True, or a list of
            what breaks it. It is asked only about results that are not right.
        misconception: its short name.
        hint: what helps. `{}` in it is the first that breaks the property. Left empty, the case
            or the exercise speaks.
    """

    breach: Callable
    misconception: str
    hint: str


@dataclass(frozen=True)
class Slip:
    """A wrong function as people write it, the short name of its misconception, and the hint.

    The hint is left out where another one says it: a property of that misconception, or the
    kind of the result. The hint of a slip that is named for the way in which an answer fails (it
    does not end, it changes its input, its result is of a wrong kind) is added to what is said
    of that failure.
    """

    answer: Callable
    misconception: str
    hint: str = ""


def _read_anything(result: Any, given: str, *args: Any) -> Any:
    return result


@dataclass(frozen=True)
class Kind:
    """The kind of result that a card asks for; `kinds` and `tensors` have the usual ones.

    Args:
        read: takes the result, the call in words, and the arguments; returns the result as it is
            compared, or raises `Wrong` where it is of another kind.
        same: whether two results, as they were read, are the same.
        difference: takes the result, the right one, and the call in words: both in a sentence.
        or_none: whether None can be right; otherwise it is a missing `return`.
    """

    read: Callable = _read_anything
    same: Callable[[Any, Any], bool] = equal
    difference: Callable[[Any, Any, str], str] = expectation
    or_none: bool = False


@dataclass(frozen=True)
class Exercise:
    """One exercise: what its card says, how an answer is judged, and what proves the judgement.

    Args:
        id: lesson and number, "00-1".
        title: as on the card.
        function: the name of the learner's function in the stub.
        minutes, difficulty: as on the card; difficulty runs from 1 to 5.
        right: the right function.
        cases: what is asked, from the plain to the tricky.
        kind: the kind of result.
        properties: looked through in this order where the result is wrong and no slip explains it.
        slips: at least four misconceptions; each is rejected with its own name and its own hint.
        hint: what is said when nothing else explains a wrong result.
        alternative: a second right solution, in another style.
        more: asked after the cases, for what cannot be told from one result (chance, gradients);
            takes the learner's function and raises `Wrong`.
        equivalent_mutants: description of a mutant that survives -> why it is no mistake.
    """

    id: str
    title: str
    function: str
    minutes: int
    difficulty: int
    slips: tuple[Slip, ...]
    alternative: Callable
    right: Callable | None = None
    cases: tuple[Case, ...] = ()
    kind: Kind = Kind()
    properties: tuple[Property, ...] = ()
    hint: str = ""
    more: Callable[[Callable], None] | None = None
    equivalent_mutants: dict[str, str] = field(default_factory=dict)

    @property
    def lesson(self) -> str:
        return self.id.partition("-")[0]

    def check(self, fn: Callable) -> None:
        """Judge the learner's function.

        Raises:
            Wrong: it is not right; the message says what was expected, on which input, and why.
        """
        for number in range(len(self.cases)):
            self._expect_right(fn, number)
        if self.more is not None:
            try:
                self.more(fn)
            except Wrong as wrong:
                raise self._with_hint(wrong) from wrong.__cause__

    def _expect_right(self, fn: Callable, number: int) -> None:
        """Raise `Wrong` unless the function is right on the case of this number."""
        asked = self.cases[number]
        given, args = shown_call(fn, *asked.args), copy.deepcopy(asked.args)
        got, expected = self._outcome(fn, args, given), self._right_result(asked)
        failed = isinstance(got, Wrong)
        if not failed and self.kind.same(got, expected):
            self._expect_kept(asked.args, args, given)
            return
        message = got.message if failed else self.kind.difference(got, expected, given)
        if slip := self._slip_like(fn, number, got, given):
            raise Wrong(f"{message}\n{slip.hint}", slip.misconception)
        if not failed:
            hint, misconception = self._reason(asked, got, expected, args)
            raise Wrong(f"{message}\n{hint}", misconception)
        if got.misconception == CRASH and asked.hint:
            named = CRASH if asked.misconception == OTHER else asked.misconception
            raise Wrong(f"{message}\n{asked.hint}", named) from got.__cause__
        raise self._with_hint(got) from got.__cause__

    def _reason(self, asked: Case, got: Any, expected: Any, args: tuple) -> tuple[str, str]:
        """The hint and the misconception of a wrong result that no slip explains."""
        general = asked.hint or self.hint
        for prop in self.properties:
            if breach := prop.breach(got, expected, *args):
                first = breach[0] if isinstance(breach, list) else breach
                return (prop.hint or general).replace("{}", shown(first)), prop.misconception
        return general, asked.misconception

    def _expect_kept(self, before: tuple, after: tuple, given: str) -> None:
        """Raise `Wrong` where the function, though right, has changed a list or tensor."""
        for old, new in zip(before, after, strict=True):
            can_change = isinstance(old, list | dict | set) or hasattr(type(old), "shape")
            if can_change and not equal(old, new):
                message = (
                    f"{given} is right, but afterwards what it was given is another: {shown(old)} "
                    f"has become {shown(new)}, and whoever called it has lost the old one.\n"
                    "Build a new one, or begin with a copy."
                )
                raise self._with_hint(Wrong(message, CHANGES))

    def _right_result(self, asked: Case) -> Any:
        args = copy.deepcopy(asked.args)
        return self.kind.read(self.right(*args), "the right answer", *args)

    def _outcome(self, fn: Callable, args: tuple, given: str) -> Any:
        """What an answer returns, as it is compared, or the `Wrong` that it is refused with."""
        try:
            result = call(fn, *args, or_none=self.kind.or_none)
            return self.kind.read(result, given, *args)
        except Wrong as wrong:
            return wrong

    def _slip_like(self, fn: Callable, number: int, got: Any, given: str) -> Slip | None:
        """The slip that gives what the learner's function gives on the cases up to this one.

        Where several do, those are left that give the same on the cases after it, too.
        """

        def agrees(slip: Slip, asked: Case, outcome: Any) -> bool:
            its = self._outcome(slip.answer, copy.deepcopy(asked.args), given)
            if isinstance(its, Wrong) or isinstance(outcome, Wrong):
                return _same_failure(its, outcome)
            return self.kind.same(its, outcome)

        found = [s for s in self.slips if s.hint and s.misconception != ENDLESS]
        found = [slip for slip in found if agrees(slip, self.cases[number], got)]
        for asked in self.cases[:number]:
            found = [slip for slip in found if agrees(slip, asked, self._right_result(asked))]
        for asked in self.cases[number + 1 :]:
            if len(found) < 2:
                break
            theirs = self._outcome(fn, copy.deepcopy(asked.args), given)
            if isinstance(theirs, Wrong) and theirs.misconception == ENDLESS:
                break
            found = [slip for slip in found if agrees(slip, asked, theirs)] or found[:1]
        return found[0] if found else None

    def _with_hint(self, wrong: Wrong) -> Wrong:
        """The failure, and the hint of the slip that is named for it where there is one."""
        for slip in self.slips:
            if slip.misconception == wrong.misconception and slip.hint:
                if slip.hint in wrong.message:
                    return wrong
                return Wrong(f"{wrong.message}\n{slip.hint}", wrong.misconception)
        return wrong


def _same_failure(one: Any, other: Any) -> bool:
    """Whether both stopped with the same exception, or were refused for the same result."""
    if not (isinstance(one, Wrong) and isinstance(other, Wrong)):
        return False
    if one.__cause__ is None and other.__cause__ is None:
        return one.message == other.message
    cause, its = one.__cause__, other.__cause__
    return type(cause) is type(its) and _text_of(cause) == _text_of(its)


def _text_of(error: BaseException | None) -> str:
    """What an exception says, without the function that it names: `f() takes 1 positional …`."""
    return re.sub(r"\S+\(\)", "", str(error))
