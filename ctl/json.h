/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_JSON_H
#define GANGER_CTL_JSON_H

/*
 * JSON, written to a stream.
 */

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdio.h>

/** A string, with what needs it escaped; invalid UTF-8 becomes U+FFFD. */
void json_string(FILE *f, const char *text, size_t size);

/** A member for bytes: `"text": "…"` if they are valid UTF-8, else `"base64": "…"`. */
void json_bytes_member(FILE *f, const void *data, size_t size);

/**
 * A message as an object, all its fields by their names in the .proto file: numbers as numbers, enums as
 * their names, bytes as json_bytes_member(). Only messages that are not set are left out.
 */
void json_message(FILE *f, const ProtobufCMessage *message);

#endif
