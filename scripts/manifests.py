#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check examples/cluster/*.yaml against the schemas of Kubernetes and of Kubeflow's trainer.

Kubernetes' schemas are in the package kubernetes-validate, those of the trainer in its Go module. Makes a virtual
environment from requirements-manifests.txt on its first run.
"""

import json
import subprocess
import sys
from pathlib import Path

import virtualenv

ROOT = Path(__file__).resolve().parent.parent
TRAINER = "github.com/kubeflow/trainer/v2@v2.0.0"
INSIDE = "--inside"


def closed(schema):
    """Return a schema of a custom resource that refuses properties it does not know, as an API server does when asked."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(part) for key, part in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
        schema["additionalProperties"] = False
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return schema


def trainer_schemas(folder):
    """Return the schemas of the trainer's resources, by version and kind."""
    import yaml

    found = {}
    for path in sorted((Path(folder) / "manifests/base/crds").glob("trainer*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}  # the API server knows it
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def check(folder):
    import jsonschema
    import kubernetes_validate
    import yaml

    schemas, documents, wrong = trainer_schemas(folder), 0, 0
    for path in sorted((ROOT / "examples/cluster").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            documents += 1
            name = f"{path.relative_to(ROOT)}: {document['kind']}"
            schema = schemas.get((document["apiVersion"], document["kind"]))
            try:
                if schema:
                    jsonschema.Draft202012Validator(schema).validate(document)
                    print(f"{name}: valid for {TRAINER}")
                else:
                    version = kubernetes_validate.latest_version()
                    kubernetes_validate.validate(document, version, strict=True)
                    print(f"{name}: valid for Kubernetes {version}")
            except (jsonschema.ValidationError, kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as err:
                wrong += 1
                print(f"{name}: {getattr(err, 'message', err)}", file=sys.stderr)
    if wrong or not documents:
        sys.exit(f"manifests: {wrong} of {documents} documents are wrong")


def main():
    if sys.argv[1:2] == [INSIDE]:
        return check(sys.argv[2])
    told = subprocess.run(["go", "mod", "download", "-json", TRAINER], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    python = virtualenv.interpreter("manifests", "MANIFESTS_PYTHON")
    return subprocess.run([python, __file__, INSIDE, json.loads(told.stdout)["Dir"]]).returncode


if __name__ == "__main__":
    sys.exit(main())
