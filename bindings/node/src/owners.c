/* Servers and clients by number. A number is given out again when nothing is on its way that names it: not in
 * the engine, which may tell of an end only after the callback in which it was asked for, and not in the
 * events that JavaScript has not read yet. */
#include "addon.h"
#include "call.h"

/* The first number of the table that is free. NULL without memory. */
static struct owner *own(struct addon *addon, struct table *table, uint32_t flag) {
    uint32_t number = 0;
    while (number < table->count && table->owners[number])
        number++;
    if (number == table->capacity) {
        uint32_t capacity = table->capacity ? table->capacity * 2 : 16;
        struct owner **larger = realloc(table->owners, capacity * sizeof *larger);
        if (!larger)
            return NULL;
        table->owners = larger;
        table->capacity = capacity;
    }
    struct owner *owner = calloc(1, sizeof *owner);
    if (!owner)
        return NULL;
    owner->addon = addon;
    owner->number = number | flag;
    table->owners[number] = owner;
    if (number == table->count)
        table->count++;
    return owner;
}

/* A server or a client with the settings of argument 1. NULL: it throws. */
struct owner *addon_make(struct call *call, bool is_client) {
    char sentence[SENTENCE_BYTES] = "";
    int error = HEARTH_ERR_INVALID;
    struct addon *addon = call->addon;
    hearth_config *config =
        call->is_wrong ? NULL : configure(call->env, call->arguments[1], sentence, &error);
    if (!config) {
        throw_error(call->env, error, sentence);
        return NULL;
    }
    struct owner *owner =
        own(addon, is_client ? &addon->clients : &addon->servers, is_client ? OWNER_IS_CLIENT : 0);
    if (owner && is_client)
        owner->object = hearth_client_new(addon->engine, config);
    else if (owner)
        owner->object = hearth_server_new(addon->engine, config);
    hearth_config_free(config);
    if (owner && owner->object)
        return owner;
    hearth_engine_error(addon->engine, sentence, sizeof sentence);
    throw_error(call->env, owner ? HEARTH_ERR_INVALID_VALUE : HEARTH_ERR_MEMORY, sentence);
    if (owner)
        addon_retire(addon, owner);
    return NULL;
}

static void forget(struct addon *addon, struct owner *owner) {
    struct table *table = owner->number & OWNER_IS_CLIENT ? &addon->clients : &addon->servers;
    table->owners[owner->number & ~OWNER_IS_CLIENT] = NULL;
    free(owner);
}

/* Its object is freed, or was never made. */
void addon_retire(struct addon *addon, struct owner *owner) {
    owner->object = NULL;
    owner->turn = addon->turn;
    owner->next = addon->retired;
    addon->retired = owner;
}

void addon_free_retired(struct addon *addon) {
    struct owner **link = &addon->retired;
    if (addon->inboxes[0].used || addon->inboxes[1].used)
        return;
    while (*link) {
        struct owner *owner = *link;
        if (addon->turn < owner->turn + 2) {
            link = &owner->next;
            continue;
        }
        *link = owner->next;
        forget(addon, owner);
    }
}

static void free_table(struct table *table) {
    for (uint32_t number = 0; number < table->count; number++)
        free(table->owners[number]);
    free(table->owners);
}

void addon_free_owners(struct addon *addon) {
    free_table(&addon->servers);
    free_table(&addon->clients);
}
