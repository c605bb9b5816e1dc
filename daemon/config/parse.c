/* SPDX-License-Identifier: MIT */

/*
 * From a text to a configuration
 *
 * Four passes, each of which goes on after errors: the bytes, the outline, the values (by libconfuse), and
 * what must hold between them. So people get all errors at once.
 *
 * Invariant: there is a configuration only if there is no error.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "daemon/config/definition.h"
#include "daemon/config/outline.h"
#include "daemon/config/parse.h"
#include "daemon/config/semantics.h"

/** libconfuse and the tables it works on. */
struct reader {
        struct config *config;
        struct outline *outline;
        struct config_errors *errors;
        struct config_options options;
        cfg_t *cfg;
        char **items;                           /* the values of one key */
};

static void cfg_freep(cfg_t **cfg) {
        if (*cfg)
                cfg_free(*cfg);
}

/*
 * libconfuse gives its error function no pointer of ours. The outline left it nothing to complain about; if
 * it does, its return value says so, and the caller reports it. It must not write to stderr by itself.
 */
static void be_silent(cfg_t *cfg, const char *format, va_list ap) {
}

/* ---- values ------------------------------------------------------------------------------------ */

static int read_value(struct reader *r, const struct config_key *key, unsigned int line, cfg_t *section,
                      void *definition, const char *name, bool *bad) {
        cfg_opt_t *opt = cfg_getopt(section, key->name);
        struct error error = ERROR_NULL;
        size_t n = cfg_opt_size(opt);
        int result;

        for (size_t i = 0; i < n && i < CONFIG_LIST_MAX; i++)
                r->items[i] = cfg_opt_getnstr(opt, (unsigned int)i);
        if (n == 0 && !key->type->list)
                return -EPROTO;
        result = key_read(key, definition, r->items, MIN(n, (size_t)CONFIG_LIST_MAX), &error);
        if (result != -EINVAL)
                return result;
        if (config_section_has_name(key->section))
                config_errors_add(r->errors, r->config->path, line, "%s '%s': %s: %s",
                                  config_section_names[key->section], name, key->name, error.text);
        else
                config_errors_add(r->errors, r->config->path, line, "%s: %s: %s",
                                  config_section_names[key->section], key->name, error.text);
        *bad = true;
        return key_reset(key, definition); /* so that the checks that follow find something */
}

static int read_section(struct reader *r, struct outline_section *outline, cfg_t *section,
                        void *definition) {
        int result;

        config_for_each_key(key, outline->kind) {
                size_t number = (size_t)(key - config_keys);

                /* What is not good was reported, and is not in the text for libconfuse. */
                if (outline->lines[number] == 0 || outline->meant[number])
                        continue;
                result = read_value(r, key, outline->lines[number], section, definition, outline->name ?: "",
                                    &outline->meant[number]);
                if (result < 0)
                        return result;
        }
        return 0;
}

static int add_definition(struct reader *r, const struct outline_section *outline, const char *base,
                          void **ret) {
        struct config *config = r->config;
        const char *name = outline->name ?: "";
        int result;

        if (outline->kind == CONFIG_LISTEN) {
                result = listen_definition_new(&config->listens[config->n_listens], name, outline->line);
                if (result >= 0)
                        *ret = config->listens[config->n_listens++];
        } else if (outline->kind == CONFIG_GROUP) {
                result = group_definition_new(&config->groups[config->n_groups], name, outline->line);
                if (result >= 0)
                        *ret = config->groups[config->n_groups++];
        } else if (outline->kind == CONFIG_DAEMON) {
                result = daemon_definition_new(&config->daemons[config->n_daemons], outline->line);
                if (result >= 0)
                        *ret = config->daemons[config->n_daemons++];
        } else if (config_section_is_object(outline->kind)) {
                result = object_definition_new(&config->objects[config->n_objects], outline->kind, name, outline->line);
                if (result >= 0)
                        *ret = config->objects[config->n_objects++];
        } else {
                result = worker_definition_new(&config->workers[config->n_workers], name, outline->line,
                                               base);
                if (result >= 0)
                        *ret = config->workers[config->n_workers++];
        }
        return result;
}

static int read_sections(struct reader *r, const char *base) {
        unsigned int seen[_CONFIG_SECTION_N] = { 0 };
        void *definition;
        cfg_t *section;
        int result;

        for (size_t i = 0; i < r->outline->n; i++) {
                struct outline_section *outline = &r->outline->sections[i];

                section = cfg_getnsec(r->cfg, config_section_names[outline->kind], seen[outline->kind]++);
                if (!section)
                        return -EPROTO;
                result = add_definition(r, outline, base, &definition);
                if (result >= 0)
                        result = read_section(r, outline, section, definition);
                if (result < 0)
                        return result;
        }
        return 0;
}

/* @return 0, also if there are errors; -EPROTO: libconfuse does not find what the outline has; -ENOMEM. */
static int read_outline(struct config *config, struct outline *outline, const char *base,
                        struct config_errors *errors) {
        struct reader r = { .config = config, .outline = outline, .errors = errors };
        _cleanup_(freep) char **items = calloc(CONFIG_LIST_MAX, sizeof *items);
        _cleanup_(cfg_freep) cfg_t *cfg = NULL;

        config->objects = calloc(outline->n + 1, sizeof *config->objects);
        config->listens = calloc(outline->n + 1, sizeof *config->listens);
        config->workers = calloc(outline->n + 1, sizeof *config->workers);
        config->groups = calloc(outline->n + 1, sizeof *config->groups);
        config->daemons = calloc(outline->n + 1, sizeof *config->daemons);
        config_options_init(&r.options);
        cfg = cfg_init(r.options.sections, CFGF_NONE);
        if (!items || !config->objects || !config->listens || !config->workers || !config->groups ||
            !config->daemons || !cfg)
                return -ENOMEM;
        r.items = items;
        r.cfg = cfg;
        cfg_set_error_function(cfg, be_silent);
        if (cfg_parse_buf(cfg, outline->text) != CFG_SUCCESS)
                return -EPROTO;
        return read_sections(&r, base);
}

/* ---- the text ---------------------------------------------------------------------------------- */

/* A byte 0 means that it is no text; then the rest is not worth a look. */
static bool is_readable(const char *text, size_t size, const char *path, struct config_errors *errors) {
        const char *zero = memchr(text, '\0', size);
        unsigned int line = 1;

        if (size > CONFIG_SIZE_MAX) {
                config_errors_add(errors, path, 0, "the file is longer than %u MiB",
                                  (unsigned int)(CONFIG_SIZE_MAX >> 20));
                return false;
        }
        if (!zero)
                return true;
        for (const char *p = text; p < zero; p++)
                line += *p == '\n';
        config_errors_add(errors, path, line, "the byte 0: this is not a text file");
        return false;
}

/* The directory of the file, absolute, by name: a symbolic link to the file counts where it stands. */
static int find_base(const char *path, char **ret) {
        _cleanup_(freep) char *here = NULL, *base = NULL;
        const char *slash = strrchr(path, '/');
        int n = slash ? (int)MAX(slash - path, 1) : 1;

        if (path[0] == '/') {
                base = strndup(path, (size_t)n);
        } else {
                here = getcwd(NULL, 0);
                if (!here)
                        return -errno;
                if (!slash)
                        base = TAKE(here);
                else if (asprintf(&base, "%s/%.*s", here, n, path) < 0)
                        base = NULL;
        }
        if (!base)
                return -ENOMEM;
        *ret = TAKE(base);
        return 0;
}

static int keep_text(struct config *config, const char *text, size_t size) {
        config->text = malloc(size + 1);
        if (!config->text)
                return -ENOMEM;
        memcpy(config->text, text, size);
        config->text[size] = '\0';
        config->text_size = size;
        return 0;
}

static int parse_all(struct config *config, const char *base, struct config_errors *errors) {
        _cleanup_(outline_done) struct outline outline = OUTLINE_NULL;
        int r;

        r = outline_scan(&outline, config->text, config->text_size, config->path, errors);
        if (r >= 0)
                r = read_outline(config, &outline, base, errors);
        if (r >= 0)
                r = config_check_semantics(config, &outline, errors);
        return r;
}

int config_build(const char *text, size_t size, const char *path, struct config **ret,
                 struct config_errors *errors) {
        _cleanup_(config_freep) struct config *config = NULL;
        _cleanup_(freep) char *base = NULL;
        size_t before = config_errors_count(errors);
        int r;

        if (!is_readable(text, size, path, errors))
                return -EINVAL;
        config = calloc(1, sizeof *config);
        if (!config)
                return -ENOMEM;
        config->path = strdup(path);
        r = config->path ? keep_text(config, text, size) : -ENOMEM;
        if (r >= 0)
                r = find_base(path, &base);
        if (r >= 0)
                r = parse_all(config, base, errors);
        if (r == -EPROTO) {
                if (config_errors_count(errors) == before)
                        config_errors_add(errors, path, 0, "libconfuse cannot read it");
                return -EINVAL;
        }
        if (r < 0) {
                config_errors_add(errors, path, 0, "%s", strerrordesc_np(-r) ?: "Unknown error");
                return r;
        }
        *ret = TAKE(config);
        return 0;
}

int config_parse(const char *text, size_t size, const char *path, struct config **ret,
                 struct config_errors *errors) {
        _cleanup_(config_freep) struct config *config = NULL;
        size_t before = config_errors_count(errors);
        int r;

        r = config_build(text, size, path, &config, errors);
        if (r < 0)
                return r;
        if (config_errors_count(errors) > before)
                return -EINVAL;
        *ret = TAKE(config);
        return 0;
}
