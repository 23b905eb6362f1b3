# The Python SDK: plain files. Where modules live elsewhere, say so:
# make install pythondir=/usr/lib/python3/dist-packages
pythondir = $(prefix)/lib/python3/dist-packages
gangerpydir = $(pythondir)/ganger
dist_gangerpy_DATA = \
	python/ganger/__init__.py python/ganger/_answer.py \
	python/ganger/_confirm.py python/ganger/_job.py \
	python/ganger/_model_cache.py python/ganger/_wire.py python/ganger/checkpoint.py \
	python/ganger/client.py python/ganger/command.py python/ganger/errors.py python/ganger/py.typed \
	python/ganger/runner.py
TESTS += python/tests/check_python.sh
EXTRA_DIST += \
	scripts/demo python/README.md python/pyproject.toml \
	python/examples/digits/demo.py python/examples/digits/digits.py \
	python/examples/digits/infer.py python/examples/digits/instance.py \
	python/examples/digits/settings.py python/examples/digits/show.py \
	python/examples/digits/train.py \
	python/tests/check_python.sh python/tests/fake_child.py \
	python/tests/private_redis.py python/tests/test_checkpoint.py \
	python/tests/test_client.py python/tests/test_command.py python/tests/test_digits.py \
	python/tests/test_process.py python/tests/test_runner.py
