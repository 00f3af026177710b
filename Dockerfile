# `cxr app` over a bundle, with ONNX on a CPU: no torch, no fastai. How it is run: docs/deploy.md; tests/test_containers.py holds its rules.
#
#   docker build --tag cxr_fastai .
#
# The base is pinned by version. A version can be built anew upstream; whoever wants the same bytes adds the digest that
# `docker buildx imagetools inspect python:3.11.14-slim-bookworm` prints:
#
#   docker build --build-arg BASE=python:3.11.14-slim-bookworm@sha256:.. --tag cxr_fastai .
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/src/constraints.txt \
    PIP_BUILD_CONSTRAINT=/src/constraints.txt
WORKDIR /src
# what serving imports, at the versions of constraints.txt; the list stands in settings.ini alone
COPY constraints.txt settings.ini ./
RUN python -m venv --without-pip /opt/cxr \
    && python -c "import configparser as c; p = c.ConfigParser(interpolation=None); p.read('settings.ini'); print(p['DEFAULT']['serve_requirements'])" > serve.txt \
    && pip --python /opt/cxr/bin/python install --requirement serve.txt
COPY setup.py pyproject.toml MANIFEST.in README.md LICENSE data_manifest.csv ./
COPY cxr_fastai cxr_fastai
RUN pip --python /opt/cxr/bin/python install --no-deps .

FROM ${BASE}
LABEL org.opencontainers.image.title="cxr_fastai" \
      org.opencontainers.image.description="Answers chest films with a bundle. Research only, not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 cxr \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cxr
# root owns it: what answers cannot change what it runs
COPY --from=build /opt/cxr /opt/cxr
ENV PATH=/opt/cxr/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-S", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# the bundle and the token are mounted; further flags go behind the image's name
ENTRYPOINT ["cxr", "app", "/bundle", "--runtime", "onnx", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--token-file", "/run/secrets/token"]
