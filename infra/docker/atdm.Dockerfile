# The server and the target, from one recipe:
#
#   docker build --file infra/docker/atdm.Dockerfile --target server --tag atdm-server .
#   docker build --file infra/docker/atdm.Dockerfile --target target --tag atdm-target .
#
# Our own distributions are built into wheels; everything else is installed by hash from the pins in pyproject.toml.
# RUN steps use relative paths only, so that tests/containers can run them in a folder of their own.
ARG PYTHON=3.13.9-slim-bookworm

FROM python:${PYTHON} AS wheels
WORKDIR /src
COPY . .
RUN python -m pip install --quiet --target builder "uv==$(sed -n 's/^uv_version=//p' scripts/bootstrap.sh)"
RUN builder/bin/uv build --quiet --all-packages --wheel --out-dir dist
RUN builder/bin/uv lock --quiet

FROM wheels AS server-environment
RUN builder/bin/uv export --quiet --frozen --no-dev --package atdm-server --package atdm-healthcare \
    --no-emit-workspace --no-header --no-annotate --output-file server.txt
RUN builder/bin/uv venv --quiet --relocatable --python python environment
RUN builder/bin/uv pip install --quiet --python environment --require-hashes --requirement server.txt
RUN builder/bin/uv pip install --quiet --python environment --no-index --no-deps \
    dist/atdm_core-*.whl dist/atdm_healthcare-*.whl dist/atdm_server-*.whl

FROM wheels AS target-environment
RUN builder/bin/uv export --quiet --frozen --no-dev --package target-healthcare \
    --no-emit-workspace --no-header --no-annotate --output-file target.txt
RUN builder/bin/uv venv --quiet --relocatable --python python environment
RUN builder/bin/uv pip install --quiet --python environment --require-hashes --requirement target.txt
RUN builder/bin/uv pip install --quiet --python environment --no-index --no-deps dist/target_healthcare-*.whl

FROM python:${PYTHON} AS server
WORKDIR /opt/atdm
COPY --from=server-environment /src/environment environment
# Any user may write here, whichever one the container runs as.
RUN install --directory --mode 1777 fixtures
ENV ATDM_HOST=0.0.0.0 ATDM_FIXTURE_DIR=/opt/atdm/fixtures PYTHONUNBUFFERED=1
EXPOSE 18001
USER 10001:10001
CMD ["environment/bin/python", "-m", "atdm_server"]

FROM python:${PYTHON} AS target
WORKDIR /opt/atdm
COPY --from=target-environment /src/environment environment
ENV TARGET_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 18000
USER 10001:10001
CMD ["environment/bin/python", "-m", "target_healthcare", "serve"]
