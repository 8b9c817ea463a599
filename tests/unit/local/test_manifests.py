"""Manifests of one machine: where they are found, what is wrong with them, and edits while they are served."""

import pytest

from modelport.local.errors import UsageError
from modelport.local.manifests import Catalogue, InvalidManifests, load_manifests, model_folder, resolve_file_uri


def names(manifests):
    return [manifest.name for manifest in manifests]


class TestLoad:
    def test_a_folder_holds_manifests_in_order(self, write_manifest, tmp_path):
        write_manifest("b.yaml", name="b")
        write_manifest("a.yml", name="a")
        (tmp_path / "README.md").write_text("not a manifest")
        assert names(load_manifests([tmp_path])) == ["a", "b"]

    def test_a_file_named_twice_is_read_once(self, write_manifest, tmp_path):
        file = write_manifest()
        assert names(load_manifests([file, tmp_path])) == ["half"]

    def test_every_problem_of_every_file_is_told(self, write_manifest, tmp_path):
        write_manifest("a.yaml", extra="  speling: 1\n")
        write_manifest("b.yaml", name="b", extra="  execution: {device: GPU}\n")
        with pytest.raises(InvalidManifests) as caught:
            load_manifests([tmp_path, tmp_path / "nowhere.yaml"])
        text = "\n".join(sorted(caught.value.problems))
        assert "a.yaml: spec.speling" in text
        assert "b.yaml: b: spec.execution.device: GPU is not had by the Triton from PyPI" in text
        assert "nowhere.yaml: no such file or folder" in text

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            pytest.param(b"\xff\xfe\x00", "is not UTF-8 text", id="bytes that are no text"),
            pytest.param(b"# nothing\n", "expected an object of kind PublishedModel, got nothing", id="nothing at all"),
            pytest.param(b"a: [1\n", "x.yaml", id="broken YAML"),
            pytest.param(b"kind: Secret\napiVersion: v1\n", "Secret", id="another kind"),
        ],
    )
    def test_a_file_that_is_no_manifest(self, tmp_path, content, sentence):
        (tmp_path / "x.yaml").write_bytes(content)
        with pytest.raises(UsageError, match=sentence):
            load_manifests([tmp_path / "x.yaml"])

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(UsageError, match="holds no manifest"):
            load_manifests([tmp_path])

    @pytest.mark.parametrize(
        ("first", "second", "what"),
        [
            pytest.param(("a", "m"), ("b", "m"), "the model's name is m", id="one model's name twice"),
            pytest.param(("a", "m"), ("a", "other"), "metadata.name is a", id="one resource's name twice"),
        ],
    )
    def test_doubled_names(self, write_manifest, tmp_path, first, second, what):
        for file, (name, model_name) in zip(("1.yaml", "2.yaml"), (first, second), strict=True):
            write_manifest(file, name=name, model_name=model_name)
        with pytest.raises(UsageError, match=what):
            load_manifests([tmp_path])


class TestFileUri:
    @pytest.mark.parametrize(
        ("uri", "path"),
        [
            pytest.param("file:models/half", "FOLDER/models/half", id="relative to the manifest"),
            pytest.param("file:../shared", "FOLDER/../shared", id="above it"),
            pytest.param("file:a%20b", "FOLDER/a b", id="percent-encoded"),
            pytest.param("file:///srv/half", "/srv/half", id="absolute"),
        ],
    )
    def test_resolved(self, make_resource, tmp_path, uri, path):
        resource = resolve_file_uri(make_resource(uri=uri), tmp_path)
        assert str(model_folder(resource)) == path.replace("FOLDER", str(tmp_path))

    def test_other_schemes_stay(self, make_resource, tmp_path):
        resource = resolve_file_uri(make_resource(uri="s3://models/half"), tmp_path)
        assert resource.spec.model.source.uri == "s3://models/half"
        assert model_folder(resource) is None


class TestCatalogue:
    @pytest.fixture
    def catalogue(self, write_manifest, tmp_path):
        write_manifest("a.yaml", name="a")
        write_manifest("b.yaml", name="b")
        catalogue = Catalogue([tmp_path], own_triton=True)
        catalogue.load()
        return catalogue

    def test_a_new_file_of_the_folder_is_served(self, catalogue, write_manifest):
        write_manifest("c.yaml", name="c")
        manifests, problems = catalogue.reload()
        assert (names(manifests), problems) == (["a", "b", "c"], [])

    def test_an_invalid_edit_keeps_the_last_valid_text_and_takes_the_others(self, catalogue, write_manifest):
        write_manifest("a.yaml", text="kind: [")
        write_manifest("b.yaml", name="b", model_name="renamed")
        manifests, problems = catalogue.reload()
        assert names(manifests) == ["a", "renamed"]
        assert len(problems) == 1

    def test_a_file_that_is_gone_says_nothing(self, catalogue, tmp_path):
        (tmp_path / "a.yaml").unlink()
        manifests, problems = catalogue.reload()
        assert (names(manifests), problems) == (["b"], [])

    def test_a_doubled_name_changes_nothing(self, catalogue, write_manifest):
        write_manifest("b.yaml", name="a")
        manifests, problems = catalogue.reload()
        assert names(manifests) == ["a", "b"]
        assert "metadata.name is a" in problems[0]
