/* SPDX-License-Identifier: MIT */

#include "ctl/metrics/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/cleanup.h"
#include "ctl/metrics/exposition.h"

/** Connections at once, and how long one may be silent (seconds). */
#define CONNECTIONS_MAX 32
#define SILENCE_MAX 10u
/** Memory of a connection: for its request. */
#define CONNECTION_MEMORY (16u << 10)

struct server {
        struct MHD_Daemon *http;
        struct ganger_control *client;  /* used by its thread alone */
};

/** @param text  static, or to be freed with the response. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status, const char *type, char *text, size_t size,
                              enum MHD_ResponseMemoryMode memory) {
        struct MHD_Response *response = MHD_create_response_from_buffer(size, text, memory);
        enum MHD_Result result;

        if (!response) {
                if (memory == MHD_RESPMEM_MUST_FREE)
                        free(text);
                return MHD_NO;
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status, const char *text) {
        return answer(connection, status, "text/plain; charset=utf-8", (char *)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

/** Prometheus asks for OpenMetrics first, and says so. */
static enum exposition_format format_wanted(struct MHD_Connection *connection) {
        const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

        return accept && !strstr(accept, "application/openmetrics-text") && !strstr(accept, "*/*") ? EXPOSITION_TEXT
                                                                                                : EXPOSITION_OPENMETRICS;
}

static enum MHD_Result answer_metrics(struct server *server, struct MHD_Connection *connection) {
        enum exposition_format format = format_wanted(connection);
        const char *error = "";
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        int r = out ? exposition_write(server->client, format, out, &error) : -ENOMEM;

        if (out && fclose(out) != 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
        }
        if (*error)
                fprintf(stderr, "ganger-metrics: %s\n", error);
        return answer(connection, MHD_HTTP_OK,
                      format == EXPOSITION_TEXT ? EXPOSITION_TEXT_TYPE : EXPOSITION_OPENMETRICS_TYPE, text, size,
                      MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state) {
        struct server *server = userdata;
        static char begun;

        (void)version;
        (void)upload;
        if (!*state) { /* the headers are there; a body is thrown away */
                *state = &begun;
                return MHD_YES;
        }
        if (*upload_size > 0) {
                *upload_size = 0;
                return MHD_YES;
        }
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
                return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET /metrics\n");
        if (strcmp(url, "/metrics") != 0)
                return refuse(connection, MHD_HTTP_NOT_FOUND, "GET /metrics\n");
        return answer_metrics(server, connection);
}

int server_new(struct server **ret, int fd, struct ganger_control *client) {
        struct server *server = calloc(1, sizeof *server);

        /* The thread may have a request before this returns: of somebody who was waiting. */
        if (server)
                server->client = client;
        if (server)
                server->http = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request, server,
                                                MHD_OPTION_LISTEN_SOCKET, fd,
                                                MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
                                                MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_MAX,
                                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
        if (!server || !server->http) {
                int r = server ? -EIO : -ENOMEM;

                close_fd(fd);
                ganger_control_free(client);
                free(server);
                return r;
        }
        *ret = server;
        return 0;
}

struct server *server_free(struct server *server) {
        if (!server)
                return NULL;
        MHD_stop_daemon(server->http); /* closes the socket */
        ganger_control_free(server->client);
        free(server);
        return NULL;
}
