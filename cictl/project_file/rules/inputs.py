"""The rules of the inputs of a pipeline."""

from cictl.project_file.build import input_of
from cictl.project_file.definition import InputType
from cictl.project_file.findings import quote
from cictl.project_file.inputs import value_problem
from cictl.project_file.names import OWN_NAME
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.schema import InputShape
from cictl.project_file.source.structure import join_key

_TYPES = tuple(str(type_) for type_ in InputType)


def check_inputs(inputs: dict[str, InputShape], path: str, collector: Collector) -> None:
    """Check the inputs at *path*."""
    for name, shape in inputs.items():
        where = join_key(path, name)
        if not OWN_NAME.fullmatch(name):
            collector.say_key(where, f"{where} is no name of an input: letters, digits, _ and -, up to 64")
        if is_blank(shape.type) or shape.type.strip() in _TYPES:
            _check_input(shape, where, collector)
        else:
            collector.add(f"{where}.type", f"must be one of {','.join(_TYPES)}")


def _check_input(shape: InputShape, path: str, collector: Collector) -> None:
    """Check an input whose type is one."""
    declared = input_of(shape)
    is_choice = declared.type is InputType.CHOICE
    if is_choice and not declared.options:
        collector.add(f"{path}.options", "must contain at least one option")
    if declared.options and not is_choice:
        collector.add(f"{path}.options", "needs type: choice")
    for index, option in enumerate(declared.options):
        if option in declared.options[:index]:
            collector.add(f"{path}.options[{index}]", f"duplicate {quote(option)}")
    if declared.default is None:
        return
    if declared.required:
        collector.add(f"{path}.default", "is never used, because the input is required")
    if (declared.options or not is_choice) and (problem := value_problem(declared, declared.default)):
        collector.add(f"{path}.default", f"can't be its value: {problem}")
