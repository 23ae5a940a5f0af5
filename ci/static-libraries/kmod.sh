# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages no archive, and the source comes without configure: what it would say is said here.
release=bookworm
build() {
    cat >config.h <<'END'
#define _GNU_SOURCE 1
#define ENABLE_XZ 1
#define ENABLE_ZLIB 1
#define ENABLE_ZSTD 1
#define ENABLE_OPENSSL 1
#define KMOD_FEATURES "+ZSTD +XZ +ZLIB +LIBCRYPTO"
#define HAVE_DECL_BE32TOH 1
#define HAVE_DECL_STRNDUPA 1
#define HAVE_LINUX_MODULE_H 1
#define HAVE_SECURE_GETENV 1
#define HAVE_STATIC_ASSERT 1
#define HAVE_NORETURN 1
#define HAVE_STRUCT_STAT_ST_MTIM 1
#define HAVE___BUILTIN_CLZ 1
#define HAVE___BUILTIN_TYPES_COMPATIBLE_P 1
#define HAVE___BUILTIN_UADDL_OVERFLOW 1
#define HAVE___BUILTIN_UADDLL_OVERFLOW 1
END
    compile cc -I"$source" -include config.h '-DSYSCONFDIR="/etc"' "$source"/shared/*.c "$source"/libkmod/libkmod*.c
    keep_only 'kmod_*' libkmod.a ./*.o
    install_library libkmod.a . "$source/libkmod/libkmod.h"
}
