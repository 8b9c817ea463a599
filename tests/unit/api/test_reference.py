"""The page for people says what the types say."""

from pathlib import Path

from modelport.api import parse_yaml
from modelport.api.reference import render_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "publishedmodel.md"


def test_the_page_is_what_the_types_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), "run `make generate`"


def test_the_smallest_resource_on_the_page_is_one() -> None:
    example = render_reference().partition("```yaml\n")[2].partition("```")[0]
    (resource,) = parse_yaml(example, "publishedmodel.md")
    assert resource.spec.model.source.uri == "s3://models/half_plus_two/"


def test_a_row_has_type_default_bounds_and_description() -> None:
    assert (
        "| `instances` | whole number | `1` | 0 to 1000 | Instances while the model runs; `kubectl scale` writes it "
        "too, and 0 stops the model. With autoscaling it does not count and cannot be changed. |"
    ) in render_reference()


def test_rules_stand_below_their_block() -> None:
    section = render_reference().partition("## spec.execution\n")[2].partition("\n## ")[0]
    assert "- `gpu`: gpu goes with device GPU alone" in section
