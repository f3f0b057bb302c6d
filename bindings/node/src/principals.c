/* Who a connection is, by its token or by the program, as JavaScript has it: by the two words of the id, as
 * it is asked for before a connection is open too. */
#include "addon.h"
#include "call.h"

/* serverReloadKeys(addon, server) */
static napi_value server_reload_keys(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_server_reload_keys(server(&call, 1)));
}

/* connectionClaims(addon, low, high): JSON, "" without a token. */
static napi_value connection_claims(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_claims(id, place, capacity));
}

/* connectionScopes(addon, low, high): each ended by a NUL. */
static napi_value connection_scopes(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_scopes(id, place, capacity));
}

/* connectionSetPrincipal(addon, low, high, user, scopes, claims) */
static napi_value connection_set_principal(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    char *user = text(&call, 3), *scopes = text(&call, 4), *claims = text(&call, 5);
    int64_t result = call.is_wrong ? 0 : hearth_connection_set_principal(id, user, scopes, claims);
    free(user);
    free(scopes);
    free(claims);
    return answer(&call, result);
}

/* connectionAuthenticate(addon, low, high, token) */
static napi_value connection_authenticate(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    char *token = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_connection_authenticate(id, token);
    free(token);
    return answer(&call, result);
}

/* connectionSetExpiry(addon, low, high, milliseconds since 1970) */
static napi_value connection_set_expiry(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    int64_t time = 0;
    if (call.count < 4 || napi_get_value_int64(env, call.arguments[3], &time) != napi_ok || time < 0)
        call.is_wrong = true;
    return answer(&call, call.is_wrong ? 0 : hearth_connection_set_expiry(id, (uint64_t)time));
}

void addon_define_principals(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"serverReloadKeys", server_reload_keys},
        {"connectionClaims", connection_claims},
        {"connectionScopes", connection_scopes},
        {"connectionSetPrincipal", connection_set_principal},
        {"connectionAuthenticate", connection_authenticate},
        {"connectionSetExpiry", connection_set_expiry},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
