# Unit tests: pure modules, no processes of ours, milliseconds.
include tests/unit/base.mk
include tests/unit/broker.mk
include tests/unit/conf.mk
include tests/unit/child.mk
include tests/unit/http.mk
include tests/unit/place.mk
include tests/unit/sup.mk
