# What goes over the wire: golden frames (read by check_proto_frame) and the
# fuzz targets. NAME.hex is the frame, NAME.txt what it says.
EXTRA_DIST += tests/proto/frames

include tests/unit/proto.mk
include tests/fuzz/local.mk
