"""The small language of `if`: names, texts, numbers, comparisons, `in`, `not`, `and`, `or`, and what has become of the work so far.

    or          or_test    := and_test { "or" and_test }
    and         and_test   := comparison { "and" comparison }
    comparison             := unary [ ("==" | "!=" | "<" | "<=" | ">" | ">=") unary | ["not"] "in" (list | unary) ]
    not         unary      := "not" unary | value
                value      := name | text | number | "true" | "false" | function "(" ")" | "(" or_test ")"
                list       := "[" [ value { "," value } ] "]"

A text is parsed to a tree and never run as code. It is bounded in length and depth, so that neither parsing nor
evaluation can take long. What the names are is their user's matter: the project file knows which there are, the server and
the agent know their values.
"""

from cictl.expressions.deciding import NEVER, decide, holds
from cictl.expressions.errors import ExpressionError
from cictl.expressions.evaluation import Lookup, Value, evaluate
from cictl.expressions.parsing import MAX_DEPTH, MAX_LENGTH, parse
from cictl.expressions.printing import print_expression
from cictl.expressions.tree import Name, Node, asks_for_status, names

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "NEVER",
    "ExpressionError",
    "Lookup",
    "Name",
    "Node",
    "Value",
    "asks_for_status",
    "decide",
    "evaluate",
    "holds",
    "names",
    "parse",
    "print_expression",
]
