"""What is wrong with an expression, and where."""


class ExpressionError(ValueError):
    """An expression can't be parsed or evaluated.

    Attributes:
        column: 1-based, in characters of the expression.
        problem: What is wrong and how to mend it, in one line without the column.
    """

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(column, problem)
        self.column = column
        self.problem = problem

    def __str__(self) -> str:
        return f"column {self.column}: {self.problem}"
