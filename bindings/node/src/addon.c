/* The addon of one environment: its engine on the environment's loop, from the first server to the end. */
#include "addon.h"
#include "call.h"

static void before_poll(uv_prepare_t *prepare) {
    struct addon *addon = prepare->data;
    /* Sent by timers, microtasks and other callbacks; the engine's own handle, which runs after this one,
     * writes. */
    addon_send_outbox(addon);
    addon_dispatch(addon);
    addon->turn++;
    if (addon->retired)
        addon_free_retired(addon);
}

static void after_poll(uv_check_t *check) {
    struct addon *addon = check->data;
    addon_dispatch(addon);
}

/* -------------------------------------------------------------- the end of the environment */

static void release_inbox(struct addon *addon, struct inbox *inbox) {
    if (inbox->buffer)
        napi_delete_reference(addon->env, inbox->buffer);
    inbox->buffer = NULL;
}

static void is_closed(uv_handle_t *handle) {
    struct addon *addon = handle->data;
    if (handle != (uv_handle_t *)&addon->farewell)
        return;
    napi_async_cleanup_hook_handle cleanup = addon->cleanup;
    addon_free_owners(addon);
    free(addon->connections);
    free(addon->free_indices);
    free(addon->closing);
    free(addon);
    napi_remove_async_cleanup_hook(cleanup);
}

/* libuv lets go of the engine's handles within two turns; ours goes last. */
static void wait_for_handles(uv_idle_t *idle) {
    struct addon *addon = idle->data;
    if (--addon->turns_left == 0)
        uv_close((uv_handle_t *)idle, is_closed);
}

static void end(napi_async_cleanup_hook_handle handle, void *context) {
    struct addon *addon = context;
    napi_env env = addon->env;
    (void)handle;
    /* Nobody is there any more to be told. */
    addon->is_dispatching = true;
    hearth_engine_stop(addon->engine);
    hearth_engine_free(addon->engine);
    uv_close((uv_handle_t *)&addon->prepare, is_closed);
    uv_close((uv_handle_t *)&addon->check, is_closed);
    uv_close((uv_handle_t *)&addon->pending, is_closed);
    /* From here on it is what keeps the loop turning. */
    addon->turns_left = 4;
    uv_ref((uv_handle_t *)&addon->farewell);
    uv_idle_start(&addon->farewell, wait_for_handles);
    release_inbox(addon, &addon->inboxes[0]);
    release_inbox(addon, &addon->inboxes[1]);
    napi_delete_reference(env, addon->outbox_buffer);
    napi_delete_reference(env, addon->resource);
    napi_delete_reference(env, addon->dispatch);
    napi_async_destroy(env, addon->context);
}

/* -------------------------------------------------------------- the beginning */

static bool keep_references(napi_env env, struct addon *addon, napi_value resource, napi_value dispatch) {
    napi_value name, outbox;
    void *base;
    bool is_kept = napi_create_string_utf8(env, "hearth", NAPI_AUTO_LENGTH, &name) == napi_ok &&
                   napi_async_init(env, resource, name, &addon->context) == napi_ok &&
                   napi_create_reference(env, resource, 1, &addon->resource) == napi_ok &&
                   napi_create_reference(env, dispatch, 1, &addon->dispatch) == napi_ok &&
                   napi_create_arraybuffer(env, OUTBOX_BYTES, &base, &outbox) == napi_ok &&
                   napi_create_reference(env, outbox, 1, &addon->outbox_buffer) == napi_ok &&
                   napi_set_named_property(env, resource, "outbox", outbox) == napi_ok &&
                   inbox_open(addon, &addon->inboxes[0], INBOX_BYTES) &&
                   inbox_open(addon, &addon->inboxes[1], INBOX_BYTES);
    uint32_t used = sizeof used;
    if (is_kept) {
        addon->outbox = base;
        memcpy(base, &used, sizeof used);
    }
    return is_kept;
}

/* attach(resource, dispatch, settings, isLogged): makes the engine and hangs it into the loop.
 * dispatch(buffer, bytes) is called with `resource` as this; resource.outbox becomes the ArrayBuffer for
 * messages to send. Answers the addon. */
static napi_value attach(napi_env env, napi_callback_info info) {
    size_t count = 4;
    int error;
    bool is_logged;
    napi_value arguments[4], external;
    char sentence[SENTENCE_BYTES] = "";
    if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count < 4 ||
        napi_get_value_bool(env, arguments[3], &is_logged) != napi_ok)
        return throw_error(env, HEARTH_ERR_INVALID, "attach takes an object, a function, a list and a flag");
    hearth_config *config = configure(env, arguments[2], sentence, &error);
    if (!config)
        return throw_error(env, error, sentence);
    struct addon *addon = calloc(1, sizeof *addon);
    hearth_engine *engine = addon ? hearth_engine_new(config) : NULL;
    hearth_config_error(config, sentence, sizeof sentence);
    hearth_config_free(config);
    if (!engine) {
        free(addon);
        return throw_error(env, HEARTH_ERR_VERSION, sentence);
    }
    addon->env = env;
    addon->engine = engine;
    if (is_logged)
        hearth_engine_on_log(engine, addon_on_log, addon);
    if (napi_get_uv_event_loop(env, &addon->loop) != napi_ok ||
        !keep_references(env, addon, arguments[0], arguments[1]) ||
        hearth_engine_attach(engine, addon->loop) != HEARTH_OK) {
        hearth_engine_error(engine, sentence, sizeof sentence);
        hearth_engine_free(engine);
        free(addon);
        return throw_error(env, HEARTH_ERR_SYSTEM, sentence);
    }
    /* Of the handles of a kind libuv calls the last one started first: these come before the engine's, so
     * what JavaScript sends leaves in the same turn. */
    uv_prepare_init(addon->loop, &addon->prepare);
    uv_check_init(addon->loop, &addon->check);
    uv_idle_init(addon->loop, &addon->pending);
    uv_idle_init(addon->loop, &addon->farewell);
    addon->prepare.data = addon->check.data = addon->pending.data = addon->farewell.data = addon;
    uv_prepare_start(&addon->prepare, before_poll);
    uv_check_start(&addon->check, after_poll);
    uv_unref((uv_handle_t *)&addon->prepare);
    uv_unref((uv_handle_t *)&addon->check);
    uv_unref((uv_handle_t *)&addon->pending);
    uv_unref((uv_handle_t *)&addon->farewell);
    if (napi_add_async_cleanup_hook(env, end, addon, &addon->cleanup) != napi_ok ||
        napi_create_external(env, addon, NULL, NULL, &external) != napi_ok)
        return throw_error(env, HEARTH_ERR_SYSTEM, "the environment takes no cleanup hook");
    return external;
}

/* The versions with which the library works here, and those of the process, as JSON. */
static napi_value build_info(napi_env env, napi_callback_info info) {
    napi_value text;
    (void)info;
    napi_create_string_utf8(env, hearth_build_info(), NAPI_AUTO_LENGTH, &text);
    return text;
}

NAPI_MODULE_INIT() {
    napi_property_descriptor functions[] = {
        {"attach", NULL, attach, NULL, NULL, NULL, napi_default, NULL},
        {"buildInfo", NULL, build_info, NULL, NULL, NULL, napi_default, NULL},
    };
    napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
    addon_define_servers(env, exports);
    addon_define_connections(env, exports);
    addon_define_principals(env, exports);
    addon_define_rooms(env, exports);
    addon_define_channels(env, exports);
    addon_define_clients(env, exports);
    return exports;
}
