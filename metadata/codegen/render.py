"""Render models as SQL: one template per kind of model, one file per model."""

import json

import jinja2

from metadata import naming
from metadata.codegen.models import Plan, SatelliteModel
from metadata.generated_text import environment, header


def sql_files(plan: Plan) -> dict[str, str]:
    """Return {path below vault/models: SQL} of every model."""
    stage, hub, link, event, satellite = _templates("stage", "hub", "link", "nh_link", "satellite")
    files = {f"staging/{model.name}.sql": stage.render(stage=model) for model in plan.stages}
    files |= {f"raw_vault/hubs/{model.name}.sql": hub.render(hub=model) for model in plan.hubs}
    files |= {f"raw_vault/links/{model.name}.sql": link.render(link=model) for model in plan.links}
    files |= {f"raw_vault/links/{model.name}.sql": event.render(event=model) for model in plan.events}
    files |= {
        f"{satellite_folder(model)}/{model.name}.sql": satellite.render(satellite=model)
        for model in plan.satellites
    }
    return files


def satellite_folder(model: SatelliteModel) -> str:
    """Return the folder below vault/models; code lists have a separate one."""
    return "raw_vault/refs" if model.is_reference else "raw_vault/sats"


def _templates(*kinds: str) -> list[jinja2.Template]:
    found = environment()
    found.globals["raw_source"] = naming.RAW_SOURCE
    found.filters["names"] = lambda names: json.dumps(list(names))
    found.filters["sql"] = naming.quoted
    found.filters["columns"] = lambda names: json.dumps([naming.quoted(name) for name in names])
    found.filters["one_or_many"] = lambda names: json.dumps(names[0] if len(names) == 1 else names)
    found.filters["header"] = lambda sources: header(sources, "--")
    return [found.get_template(f"{kind}.sql.j2") for kind in kinds]
