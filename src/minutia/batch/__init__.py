"""Batches of pictures: all outputs are planned first; a broken file does not stop the others.

plan = plan_jobs([Path("scans")], Naming(output=Path("large")))
for outcome in run_jobs(plan.jobs, Upscaler()):
    ...
"""

from __future__ import annotations

from minutia.batch.arguments import choose_model, mark, read_range, read_target, unused_settings
from minutia.batch.forecast import foretell
from minutia.batch.journal import Journal, place_of
from minutia.batch.options import Options, Output
from minutia.batch.plan import Job, Naming, Plan, plan_jobs
from minutia.batch.run import run_jobs, upscale_file
from minutia.batch.settings import settings_of
from minutia.batch.sources import gather, kinds_of
from minutia.batch.stages import Outcome
from minutia.batch.streams import Place, replaced_streams
from minutia.image.formats import Encoding
from minutia.image.opening import Limits

__all__ = [
    "Encoding",
    "Job",
    "Journal",
    "Limits",
    "Naming",
    "Options",
    "Outcome",
    "Output",
    "Place",
    "Plan",
    "choose_model",
    "foretell",
    "gather",
    "kinds_of",
    "mark",
    "place_of",
    "plan_jobs",
    "read_range",
    "read_target",
    "replaced_streams",
    "run_jobs",
    "settings_of",
    "unused_settings",
    "upscale_file",
]
