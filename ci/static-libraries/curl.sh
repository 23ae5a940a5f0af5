# shellcheck shell=bash disable=SC2034,SC2154
# Debian's libcurl.a needs LDAP and Kerberos, of which there are no archives. This one speaks HTTP over TLS and no more.
release=bookworm
build() {
    local option
    local -a options=()
    for option in USE_LIBIDN2 CURL_USE_LIBPSL CURL_USE_LIBSSH2 CURL_DISABLE_NTLM:ON CURL_DISABLE_ALTSVC:ON CURL_DISABLE_HSTS:ON \
        CURL_DISABLE_COOKIES:ON CURL_DISABLE_DOH:ON CURL_DISABLE_NETRC:ON BUILD_CURL_EXE BUILD_TESTING ENABLE_MANUAL \
        HTTP_ONLY:ON USE_NGHTTP2:ON CURL_USE_OPENSSL:ON CURL_CA_BUNDLE:none CURL_CA_PATH:none; do
        [[ $option = *:* ]] || option+=:OFF
        options+=("-D${option/:/=}")
    done
    with_cmake "${options[@]}"
    install_library lib/libcurl.a curl "$source"/include/curl/*.h
}
