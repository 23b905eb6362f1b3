dnl Macros of configure.ac. Each says one thing and reports it once.

dnl GANGER_NEED(VAR, MODULES, WHAT, DEBIAN-PACKAGE)
dnl A library that the build can't do without. VAR_CFLAGS and VAR_LIBS are
dnl set. What is missing is collected so that configure names all of it.
AC_DEFUN([GANGER_NEED], [
	PKG_CHECK_MODULES([$1], [$2], [], [GANGER_MISS([$3], [$4])])
])

dnl GANGER_MISS(WHAT, DEBIAN-PACKAGE)
AC_DEFUN([GANGER_MISS], [
	AC_MSG_NOTICE([$1 is missing: install the Debian package $2])
	ganger_missing="$ganger_missing $2"
])

dnl GANGER_VERSION(VAR, MODULE...)
dnl Sets VAR to the version of the first of the modules that is installed.
AC_DEFUN([GANGER_VERSION], [
	$1=
	for ganger_module in $2; do
		if test -z "$$1"; then
			$1=`$PKG_CONFIG --modversion $ganger_module 2>/dev/null`
		fi
	done
])

dnl GANGER_WARNINGS(FLAGS)
dnl Sets WARN_CFLAGS to those of the flags that the compiler knows.
AC_DEFUN([GANGER_WARNINGS], [
	WARN_CFLAGS=
	ganger_save_CFLAGS=$CFLAGS
	for ganger_flag in m4_normalize([$1]); do
		AC_MSG_CHECKING([whether $CC accepts $ganger_flag])
		CFLAGS="$ganger_save_CFLAGS -Werror $ganger_flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
		    [AC_MSG_RESULT([yes])
		    WARN_CFLAGS="$WARN_CFLAGS $ganger_flag"],
		    [AC_MSG_RESULT([no])])
	done
	CFLAGS=$ganger_save_CFLAGS
	AC_SUBST([WARN_CFLAGS])
])

dnl GANGER_INSTRUMENT(NAME, HELP, FLAGS)
dnl --enable-NAME adds FLAGS to what everything is compiled and linked with.
dnl They are tried with a program first and join CFLAGS and LDFLAGS only in
dnl GANGER_INSTRUMENT_APPLY, so that no other check runs instrumented.
AC_DEFUN([GANGER_INSTRUMENT], [
	AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [],
	    [enable_$1=no])
	if test "x$enable_$1" = xyes; then
		AC_MSG_CHECKING([whether $CC can link with $3])
		ganger_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS $3"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
		    [AC_MSG_RESULT([no])
		    AC_MSG_ERROR([--enable-$1: $CC can't link with $3])])
		CFLAGS=$ganger_save_CFLAGS
		ganger_instrument="$ganger_instrument $3"
		ganger_variant="$ganger_variant $1"
	fi
])

AC_DEFUN([GANGER_INSTRUMENT_APPLY], [
	CFLAGS="$CFLAGS$ganger_instrument"
	LDFLAGS="$LDFLAGS$ganger_instrument"
])
