# deploy: what an operator installs beside the programs, and the manual pages.
# Packages choose the folders; make install puts the files where nothing
# starts by itself.
noinst_PROGRAMS += supervisor/gen_man
supervisor_gen_man_SOURCES = supervisor/gen_man.c
TABLE_MANS = docs/gangerd.8 docs/ganger-gpuprobe.8
dist_man_MANS += docs/ganger-handler.3 docs/ganger-runner.7 $(TABLE_MANS)
EXTRA_DIST += $(TABLE_MANS:=.in) scripts/man.sh tests/unit/check_man_docs.sh
TESTS += tests/unit/check_man_docs.sh

# Writes into the source tree; tests/unit/check_man_docs.sh compares.
.PHONY: man-docs
man-docs: supervisor/gen_man$(EXEEXT)
	for page in $(TABLE_MANS); do \
	    $(SHELL) $(srcdir)/scripts/man.sh ./supervisor/gen_man \
		$(PACKAGE_VERSION) $(srcdir)/$$page.in \
		>$(srcdir)/$$page || exit 1; \
	done

# In a folder for examples, not where something would run them.
deploydir = $(datadir)/ganger/deploy
deploy_initdir = $(deploydir)/init.d
dist_deploy_init_SCRIPTS = deploy/init.d/ganger
deploy_systemddir = $(deploydir)/systemd
dist_deploy_systemd_DATA = deploy/systemd/ganger.service
deploy_tmpfilesdir = $(deploydir)/tmpfiles.d
dist_deploy_tmpfiles_DATA = deploy/tmpfiles.d/ganger.conf
deploy_sysusersdir = $(deploydir)/sysusers.d
dist_deploy_sysusers_DATA = deploy/sysusers.d/ganger.conf
deploy_logrotatedir = $(deploydir)/logrotate.d
dist_deploy_logrotate_DATA = deploy/logrotate.d/ganger
deploy_defaultdir = $(deploydir)/default
dist_deploy_default_DATA = deploy/default/ganger
dist_deploy_DATA = deploy/ganger.ini

# Debian's packages, see scripts/deb-check.
EXTRA_DIST += debian/changelog debian/clean debian/control debian/copyright \
	debian/ganger-plugins.install debian/ganger.docs \
	debian/ganger.examples debian/ganger.install \
	debian/ganger.lintian-overrides debian/ganger.manpages \
	debian/ganger.postinst debian/ganger.postrm debian/libganger-dev.examples \
	debian/libganger-dev.install debian/libganger-dev.manpages \
	debian/python3-ganger.docs debian/python3-ganger.examples \
	debian/python3-ganger.install debian/rules debian/source/format \
	scripts/deb-check scripts/deb-life.sh

DEPLOY_TESTS = tests/deploy/check_files.sh tests/deploy/check_init.py
TESTS += $(DEPLOY_TESTS)
EXTRA_DIST += $(DEPLOY_TESTS)

# Containers and clusters. The image is built and run by scripts/image-check.
DEPLOY_CONTAINER_TESTS = tests/deploy/check_containers.py \
	tests/deploy/check_pid1.py
TESTS += $(DEPLOY_CONTAINER_TESTS)
EXTRA_DIST += $(DEPLOY_CONTAINER_TESTS) tests/deploy/check_k8s.js \
	.dockerignore deploy/compose/docker-compose.yml \
	deploy/docker/Dockerfile deploy/docker/Dockerfile.gpu \
	deploy/docker/ganger.ini deploy/docker/healthcheck \
	deploy/k8s/config.yaml deploy/k8s/hpa.yaml deploy/k8s/worker-cpu.yaml \
	deploy/k8s/worker-gpu.yaml scripts/image-check scripts/systemd-check \
	scripts/systemd-guest.sh
