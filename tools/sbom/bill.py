"""A bill of materials in CycloneDX's JSON, from parts."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion

from sbom.part import Part


def bill(name: str, version: str, kind: ComponentType, parts: Sequence[Part], epoch: int) -> str:
    """The bill of something.

    Args:
        name: Its name.
        version: Its version.
        kind: What it is.
        parts: What it consists of.
        epoch: The time in the bill, in seconds.

    Raises:
        ValueError: the bill would not be valid.
    """
    whole = Component(name=name, version=version, type=kind, bom_ref=f"{name}@{version}")
    components = {part: _component(part) for part in parts}
    made = Bom(components=components.values())
    made.metadata.component = whole
    made.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    content = "\n".join(sorted(part.purl.to_string() for part in parts))
    made.serial_number = uuid5(
        NAMESPACE_URL, hashlib.sha256(f"{name}@{version}\n{epoch}\n{content}".encode()).hexdigest()
    )
    for part, component in components.items():
        needed = [other for other in parts if other.purl.type == part.purl.type and other.name in part.needs]
        made.register_dependency(component, [components[other] for other in needed if other is not part])
    made.register_dependency(whole, components.values())
    from cyclonedx.validation.json import JsonStrictValidator  # loads grammars for seconds

    text: str = JsonV1Dot6(made).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the bill of {name} is not valid: {wrong}")
    return text + "\n"


def _component(part: Part) -> Component:
    licenses = [LicenseFactory().make_from_string(part.license)] if part.license else []
    return Component(
        name=part.name, version=part.purl.version, purl=part.purl, bom_ref=part.purl.to_string(), licenses=licenses,
        type=ComponentType.LIBRARY,
    )  # fmt: skip
