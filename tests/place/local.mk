# Plans of whole servers. The topologies were written for the tests (hwloc's
# synthetic form exported, and edited); GPUs as the prober lists them.
TESTS += tests/place/test_plan.py
EXTRA_DIST += tests/place/test_plan.py \
	tests/place/arm.ini tests/place/container.ini tests/place/epyc.ini tests/place/hybrid.ini \
	tests/place/mig.ini tests/place/standin.ini tests/place/xeon.ini \
	tests/place/arm.xml tests/place/container.xml \
	tests/place/desktop.xml tests/place/epyc.xml tests/place/hybrid.xml \
	tests/place/standin.xml tests/place/xeon.xml \
	tests/place/desktop.gpus.json tests/place/epyc.gpus.json \
	tests/place/hybrid.gpus.json \
	tests/place/mig.gpus.json tests/place/xeon.gpus.json \
	tests/place/arm.plan tests/place/container.plan \
	tests/place/crowded.plan tests/place/desktop.plan \
	tests/place/epyc.plan tests/place/hybrid.plan tests/place/mig.plan \
	tests/place/standin.plan tests/place/xeon.plan
