/* SPDX-License-Identifier: MIT */

/*
 * JSON, written to a stream
 *
 * Messages are walked by their descriptors: what control.proto has, `--json` shows under the same name,
 * and a new field needs no code here.
 */

#include "ctl/json.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/utf8.h"

static void escape(FILE *f, uint32_t c, const char *bytes, size_t n) {
        static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";

        for (const char *l = letters; *l; l += 2) {
                if (c == (uint8_t)*l) {
                        fprintf(f, "\\%c", l[1]);
                        return;
                }
        }
        if (c < 0x20 || c == 0x7f)
                fprintf(f, "\\u%04x", (unsigned int)c);
        else
                fwrite(bytes, 1, n, f);
}

void json_string(FILE *f, const char *text, size_t size) {
        putc('"', f);
        while (size > 0) {
                uint32_t c;
                size_t n = utf8_decode(text, size, &c);

                if (n == 0) {
                        fputs("\\ufffd", f);
                        n = 1;
                } else
                        escape(f, c, text, n);
                text += n;
                size -= n;
        }
        putc('"', f);
}

static void base64(FILE *f, const uint8_t *p, size_t size) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < size; i += 3) {
                size_t left = size - i;
                uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

                putc(digits[v >> 18], f);
                putc(digits[v >> 12 & 63], f);
                putc(left > 1 ? digits[v >> 6 & 63] : '=', f);
                putc(left > 2 ? digits[v & 63] : '=', f);
        }
}

void json_bytes_member(FILE *f, const void *data, size_t size) {
        if (size == 0 || utf8_is_valid(data, size)) {
                fputs("\"text\": ", f);
                json_string(f, size ? data : "", size);
                return;
        }
        fputs("\"base64\": \"", f);
        base64(f, data, size);
        putc('"', f);
}

/** The size of one value in memory, for the elements of a repeated field. */
static size_t value_size(ProtobufCType type) {
        switch (type) {
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
                return 8;
        case PROTOBUF_C_TYPE_BOOL:
                return sizeof(protobuf_c_boolean);
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_MESSAGE:
                return sizeof(void *);
        case PROTOBUF_C_TYPE_BYTES:
                return sizeof(ProtobufCBinaryData);
        default:
                return 4;
        }
}

static void enum_name(FILE *f, const ProtobufCEnumDescriptor *descriptor, int value) {
        const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(descriptor, value);

        if (v)
                fprintf(f, "\"%s\"", v->name);
        else
                fprintf(f, "%d", value);
}

static void value(FILE *f, const ProtobufCFieldDescriptor *field, const void *p) {
        const char *text;

        switch (field->type) {
        case PROTOBUF_C_TYPE_STRING:
                text = *(const char *const *)p;
                json_string(f, text ? text : "", text ? strlen(text) : 0);
                break;
        case PROTOBUF_C_TYPE_MESSAGE:
                json_message(f, *(const ProtobufCMessage *const *)p);
                break;
        case PROTOBUF_C_TYPE_BOOL:
                fputs(*(const protobuf_c_boolean *)p ? "true" : "false", f);
                break;
        case PROTOBUF_C_TYPE_ENUM:
                enum_name(f, field->descriptor, *(const int *)p);
                break;
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
                fprintf(f, "%" PRIu64, *(const uint64_t *)p);
                break;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
                fprintf(f, "%" PRId64, *(const int64_t *)p);
                break;
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
                fprintf(f, "%" PRIu32, *(const uint32_t *)p);
                break;
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
                fprintf(f, "%" PRId32, *(const int32_t *)p);
                break;
        case PROTOBUF_C_TYPE_DOUBLE:
                fprintf(f, "%.17g", *(const double *)p);
                break;
        case PROTOBUF_C_TYPE_FLOAT:
                fprintf(f, "%.9g", (double)*(const float *)p);
                break;
        case PROTOBUF_C_TYPE_BYTES:
                putc('{', f);
                json_bytes_member(f, ((const ProtobufCBinaryData *)p)->data, ((const ProtobufCBinaryData *)p)->len);
                putc('}', f);
                break;
        }
}

static void repeated(FILE *f, const ProtobufCFieldDescriptor *field, const char *elements, size_t n) {
        putc('[', f);
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        fputs(", ", f);
                value(f, field, elements + i * value_size(field->type));
        }
        putc(']', f);
}

/** Whether a field is there at all: a message that is set, and of a oneof the member that is. */
static bool is_present(const ProtobufCFieldDescriptor *field, const char *base) {
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
                return false;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED)
                return *(const void *const *)(const void *)(base + field->offset) != NULL;
        return true;
}

void json_message(FILE *f, const ProtobufCMessage *message) {
        const ProtobufCMessageDescriptor *d = message->descriptor;
        const char *base = (const char *)message, *separator = "";

        putc('{', f);
        for (unsigned int i = 0; i < d->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &d->fields[i];
                const void *p = base + field->offset;

                if (!is_present(field, base))
                        continue;
                fputs(separator, f);
                separator = ", ";
                if (field->type == PROTOBUF_C_TYPE_BYTES && field->label != PROTOBUF_C_LABEL_REPEATED) {
                        json_bytes_member(f, ((const ProtobufCBinaryData *)p)->data, ((const ProtobufCBinaryData *)p)->len);
                        continue;
                }
                fprintf(f, "\"%s\": ", field->name);
                if (field->label == PROTOBUF_C_LABEL_REPEATED)
                        repeated(f, field, *(const char *const *)p,
                                 *(const size_t *)(const void *)(base + field->quantifier_offset));
                else
                        value(f, field, p);
        }
        putc('}', f);
}
