/* SPDX-License-Identifier: MIT */

/*
 * Messages of proto/ in frames
 *
 * Packed in place: no copy, and no buffer that a failure could leak.
 */

#include "wire/message.h"

int message_push(struct frame_writer *w, const ProtobufCMessage *message, const int *fds, size_t n_fds) {
        uint8_t *bytes = NULL;
        int e;

        e = frame_writer_reserve(w, protobuf_c_message_get_packed_size(message), fds, n_fds, &bytes);
        if (!bytes)
                return e;
        protobuf_c_message_pack(message, bytes);
        return 0;
}
