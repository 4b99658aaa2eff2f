# The chat in one small image: `docker build -t streaming-chat .`
FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt /
RUN sed '/^# The test runner/,$d' /requirements.txt >/serving.txt && /venv/bin/pip install -r /serving.txt
WORKDIR /app
COPY manage.py ./
COPY chatproject chatproject
COPY chat chat
COPY templates templates
COPY static static
RUN /venv/bin/python manage.py collectstatic --noinput && /venv/bin/python -m compileall -q chat chatproject

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# What is mounted on the two folders is the user's, as they are.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin chat \
    && mkdir /static /secrets && chown 10001:10001 /static /secrets && chmod 0700 /secrets
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["daphne", "-b", "0.0.0.0", "-p", "8000", "--proxy-headers", "--no-server-name", "chatproject.asgi:application"]
