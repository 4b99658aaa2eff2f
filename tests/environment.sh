# Makes the environment that tests and checks run in, and enters it. Sourced by tests/run, .ci/run.
# Installs what the machine lacks: as root with apt-get, Python packages into tests/.environment
# (node among them), and with that node what tests/package.json names into tests/node_modules.

environment=tests/.environment

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install_packages() {
    if ! can_install; then
        echo "tests need $*: please install them" >&2
        exit 1
    fi
    apt-get update -qq
    (
        keep_stopped
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    )
}

# Tests start by themselves what they need, on ports of their own: the machine has to run nothing
# of what is installed, and to make no database. This lasts as long as the shell that says it.
keep_stopped() {
    policy=/usr/sbin/policy-rc.d
    clusters=/etc/postgresql-common/createcluster.d
    [ -e $policy ] && policy= || printf '#!/bin/sh\nexit 101\n' >$policy
    trap 'rm -f $policy $clusters/tests.conf' EXIT
    chmod +x /usr/sbin/policy-rc.d
    mkdir -p $clusters
    echo "create_main_cluster = false" >$clusters/tests.conf
}

python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
command -v curl >/dev/null || install_packages curl
command -v redis-server >/dev/null || install_packages redis-server
(PATH=$PATH:/usr/sbin; command -v nginx) >/dev/null || install_packages nginx
command -v envsubst >/dev/null || install_packages gettext-base
(PATH=$PATH$(printf ':%s' /usr/lib/postgresql/*/bin); command -v initdb) >/dev/null || install_packages postgresql
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && CHROMIUM=$(command -v "$name") && break
done
if [ -z "${CHROMIUM:-}" ]; then
    install_packages chromium fonts-noto-core fonts-noto-color-emoji
    CHROMIUM=$(command -v chromium)
fi
# The same engine without the browser around it spares the tests a third of what their pages take of
# the processors. Debian has it, in the version of its Chromium; elsewhere Chromium takes its place.
if [ -z "${CHROMIUM_SHELL:-}" ]; then
    shell=chromium-headless-shell
    if ! command -v $shell >/dev/null && [ "$CHROMIUM" = "$(command -v chromium)" ] && can_install; then
        (install_packages chromium $shell) || echo "the tests take longer without $shell" >&2
    fi
    CHROMIUM_SHELL=$(command -v $shell || echo "$CHROMIUM")
fi

# Made anew when what it is made of changes, or when it was cut off half-way.
wanted=$(cat requirements.txt tests/requirements.txt | sha256sum)
if [ "$(cat $environment/made-of 2>/dev/null)" != "$wanted" ]; then
    rm -rf $environment
    python3 -m venv $environment
    $environment/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    echo "$wanted" >$environment/made-of
fi
. $environment/bin/activate

wanted=$(cat tests/package.json tests/package-lock.json | sha256sum)
if [ "$(cat tests/node_modules/made-of 2>/dev/null)" != "$wanted" ]; then
    npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error
    echo "$wanted" >tests/node_modules/made-of
fi

# Where Python may not keep what it has compiled, every worker and every server compiles all of it anew.
unset PYTHONDONTWRITEBYTECODE
export CHROMIUM CHROMIUM_SHELL
export SECRET_KEY="a key for tests, used nowhere else, and long enough not to be warned of"
