# PPIMS in a container; docs/deploy.md, "Docker", says how to use it. The first stage alone has pip.

FROM debian:12 AS installed
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
# An index of your own, if you have one; the lock's hashes hold whichever it is.
ARG PIP_INDEX_URL
WORKDIR /opt/ppims
COPY requirements.lock requirements-postgres.lock ./
COPY ppims/__init__.py ppims/__main__.py ppims/
COPY ppims/core/__init__.py ppims/core/health_question.py ppims/core/start_texts.py \
    ppims/core/terminal.py ppims/core/
RUN python3 -m ppims install --postgres

FROM debian:12
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 ppims \
    && useradd --uid 10001 --gid ppims --home-dir /nonexistent --no-create-home \
        --shell /usr/sbin/nologin ppims \
    && install --directory --mode=0700 --owner=ppims --group=ppims /var/lib/ppims
WORKDIR /opt/ppims
COPY --from=installed /opt/ppims/.venv .venv
COPY requirements.lock requirements-postgres.lock pyproject.toml manage.py ./
COPY fixtures fixtures
COPY static static
COPY templates templates
COPY customers customers
COPY limits limits
COPY ppims ppims
# Everything is installed already: this only compiles, for nobody can write here later.
RUN python3 -m ppims install --postgres

ENV PPIMS_ENV=production \
    PPIMS_BIND=0.0.0.0:8000 \
    PPIMS_DATA_DIR=/var/lib/ppims \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/ppims
EXPOSE 8000
# The process becomes gunicorn, which takes SIGTERM, and ends within 10 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m CMD ["python3", "-m", "ppims", "health"]
ENTRYPOINT ["python3", "-m", "ppims"]
