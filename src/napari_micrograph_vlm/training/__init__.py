"""Train the student: :func:`.run.run`, and ``napari-micrograph-vlm train`` on the command line."""
