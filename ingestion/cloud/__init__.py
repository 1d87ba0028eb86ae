"""Set-up of a Google Cloud project as code: what there should be, what there is, and the way between."""
