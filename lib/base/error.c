/* SPDX-License-Identifier: MIT */

/*
 * Error chains
 *
 * A fixed buffer, so that reporting a lack of memory needs none.
 */

#include "base/error.h"

#include <stdarg.h>
#include <string.h>

int error_set(struct error *e, int code, const char *format, ...) {
        va_list ap;

        if (!e)
                return code;
        e->code = code;
        va_start(ap, format);
        vsnprintf(e->text, sizeof e->text, format, ap);
        va_end(ap);
        return code;
}

int error_errno(struct error *e, int code, const char *format, ...) {
        va_list ap;
        size_t n;

        if (!e)
                return code;
        e->code = code;
        va_start(ap, format);
        vsnprintf(e->text, sizeof e->text, format, ap);
        va_end(ap);
        n = strlen(e->text);
        snprintf(e->text + n, sizeof e->text - n, ": %s", strerrordesc_np(-code) ?: "Unknown error");
        return code;
}

int error_prefix(struct error *e, const char *format, ...) {
        char rest[ERROR_TEXT_MAX];
        va_list ap;
        size_t n;

        if (!e)
                return 0;
        memcpy(rest, e->text, sizeof rest);
        va_start(ap, format);
        vsnprintf(e->text, sizeof e->text, format, ap);
        va_end(ap);
        n = strlen(e->text);
        snprintf(e->text + n, sizeof e->text - n, ": %s", rest);
        return e->code;
}
