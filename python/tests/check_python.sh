#!/bin/sh
# Runs the SDK's tests with the distribution's Python, whose modules are the
# packaged ones. SKIP (77) where that Python or msgpack is missing.
here=$(cd "$(dirname "$0")" && pwd) || exit 99
python=${PYTHON3:-/usr/bin/python3}
if ! "$python" -c 'import msgpack' 2>/dev/null; then
	echo "SKIP: $python has no module msgpack"
	exit 77
fi
PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$here:$here/..
export PYTHONDONTWRITEBYTECODE PYTHONPATH
exec "$python" -m unittest discover -v -s "$here" -t "$here"
