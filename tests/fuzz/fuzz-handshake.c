/* SPDX-License-Identifier: MIT */

/*
 * The handshake, which is read from a descriptor or a socket: whatever is decoded can be encoded again, and is the same
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        size_t again;

        if (handshake_decode(data, size, &h) < 0)
                return 0;
        if (handshake_encode(h, &blob, &again) < 0 || again != size || memcmp(blob, data, size) != 0)
                abort();
        return 0;
}
