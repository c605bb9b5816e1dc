/* SPDX-License-Identifier: MIT */

/*
 * Calling and serving through a handle
 *
 * What is copied to and from the shared memory is copied here; everything else is done in lib/shm/service.c, where
 * the linearisation points are.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "shm/recover.h"
#include "shm/service.h"
#include "worker/hold.h"
#include "worker/membership.h"
#include "worker/wait-any.h"

#define ALL_FLAGS (GANGER_RECEIVE | GANGER_SEND)

struct ganger_service {
        _Alignas(2 * CACHE_LINE) struct service service;
        _Atomic uint32_t *drain;        /* MEMBER_…: while it is not 0, receive nothing */
        unsigned int flags;             /* GANGER_RECEIVE, GANGER_SEND */
        uint32_t held;                  /* calls that are open, and requests that are not finished */
        int poll_fd;                    /* for ganger_service_fd(); -1: nobody asked */
        struct handle handle;
};

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

/* ---- handles ----------------------------------------------------------------------------------- */

/** Give up its calls, and give back what it serves; with the lock held. */
static void let_go(const struct handle *handle) {
        const struct seat seat = {
                .object = &handle->joined->object,
                .ring = handle->joined->number,
                .first = handle->participant,
                .count = 1,
                .generation = handle->joined->generation,
        };

        recover_seat(&seat, "its server closed the service", NULL);
}

static void service_close(struct handle *handle) {
        struct ganger_service *s = container_of(handle, struct ganger_service, handle);

        wait_disarm(&s->service.requests, handle->participant, &s->service.armed);
        close_fd(s->poll_fd);
        if (s->held > 0)
                let_go(handle);
        handle_release(handle, false);
        free(s);
}

/** With the lock held. */
static int open_locked(struct ganger *g, struct joined *j, unsigned int flags, struct ganger_service **ret) {
        struct ganger_service *s;
        struct handle handle;
        int r;

        r = handle_take(g, j, &handle);
        if (r < 0)
                return r;
        s = aligned_alloc(_Alignof(struct ganger_service), sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct ganger_service){ .drain = g->drain, .flags = flags, .poll_fd = -1, .handle = handle };
        service_open(&s->service, &j->object.region, handle.participant, j->generation, j->object.event_fd);
        handle_enter(&s->handle, service_close);
        *ret = s;
        return 0;
}

int ganger_service_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_service **ret) {
        struct joined *j;
        int r;

        if (flags == 0 || flags & ~(unsigned int)ALL_FLAGS)
                return -EINVAL;
        r = joined_find(g, OBJECT_SERVICE, name, flags, &j);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = open_locked(g, j, flags, ret);
        pthread_mutex_unlock(&g->lock);
        return r;
}

struct ganger_service *ganger_service_close(struct ganger_service *service) {
        struct ganger *g;

        if (!service)
                return NULL;
        g = service->handle.ganger;
        pthread_mutex_lock(&g->lock);
        service_close(&service->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_service_name(const struct ganger_service *service) {
        return service->handle.joined->name;
}

size_t ganger_service_message_max(const struct ganger_service *service) {
        return service->service.message_max;
}

int ganger_service_fd(struct ganger_service *service) {
        int fd;

        if (!(service->flags & GANGER_RECEIVE))
                return -EACCES;
        if (service->poll_fd < 0) {
                fd = handle_poll_open(&service->handle);
                if (fd < 0)
                        return fd;
                service->poll_fd = fd;
        }
        return service->poll_fd;
}

/* ---- calling ----------------------------------------------------------------------------------- */

static int check_call(const struct ganger_service *s, size_t size, int64_t timeout_usec) {
        if (!(s->flags & GANGER_SEND))
                return -EACCES;
        if (timeout_usec == 0)
                return -EINVAL;
        return size > s->service.message_max ? -EMSGSIZE : 0;
}

/** Make a call in a slot that is ours. */
static void submit(struct ganger_service *s, struct call *c, const void *request, size_t size, uint64_t deadline_usec) {
        if (size > 0)
                memcpy(c->request, request, size);
        service_submit(&s->service, c, (uint32_t)size, deadline_usec);
        s->held++;
}

static int copy_reply(const struct call_result *from, void *reply, size_t reply_size, size_t *ret_size) {
        if (from->size > reply_size)
                return -ENOBUFS;
        if (from->size > 0)
                memcpy(reply, from->data, from->size);
        if (ret_size)
                *ret_size = from->size;
        return 0;
}

static void copy_text(const struct call_result *from, char *text, size_t size) {
        size_t length;

        if (size == 0)
                return;
        length = MIN((size_t)from->size, size - 1);
        memcpy(text, from->data, length);
        text[length] = 0;
}

/** A call is over, with that result of service_result() or that error: take what it left. */
static int conclude(struct ganger_service *s, const struct call *c, const struct call_result *result, int r,
                    void *reply, size_t reply_size, size_t *ret_size) {
        s->held--;
        if (r != 0 && r != -EREMOTEIO && r != -ECONNRESET)
                return r;
        if (r == 0)
                r = copy_reply(result, reply, reply_size, ret_size);
        else
                copy_text(result, reply, reply_size);
        service_release(&s->service, c);
        return r;
}

int ganger_service_call(struct ganger_service *service, const void *request, size_t size, void *reply,
                        size_t reply_size, size_t *ret_size, int64_t timeout_usec) {
        struct service *s = &service->service;
        struct call_result result;
        uint64_t deadline_usec;
        struct call c;
        int r;

        r = check_call(service, size, timeout_usec);
        if (r < 0)
                return r;
        deadline_usec = deadline(timeout_usec);
        r = service_reserve(s, &c);
        if (r == -EAGAIN)
                r = service_reserve_wait(s, &c, deadline_usec);
        if (r < 0)
                return r;
        submit(service, &c, request, size, deadline_usec);
        r = service_result_wait(s, &c, &result, deadline_usec);
        if (r == -ETIMEDOUT || r == -EINTR)
                r = service_end(s, &c, &result, r);
        return conclude(service, &c, &result, r, reply, reply_size, ret_size);
}

int ganger_service_begin(struct ganger_service *service, const void *request, size_t size, int64_t timeout_usec,
                         struct ganger_call *ret) {
        struct call c;
        int r;

        r = check_call(service, size, timeout_usec);
        if (r < 0)
                return r;
        r = service_reserve(&service->service, &c);
        if (r < 0)
                return r;
        submit(service, &c, request, size, deadline(timeout_usec));
        *ret = (struct ganger_call){
                .id = service_call_id(&service->service, &c), .deadline_usec = c.deadline_usec, .service = service,
        };
        return 0;
}

static struct call call_of(const struct ganger_call *call) {
        return service_call_of(&call->service->service, call->id, call->deadline_usec);
}

/** @return as service_result(), or -ETIMEDOUT: the call is over; -EAGAIN, -EINTR: it stays open. */
static int result_within(struct service *s, const struct call *c, struct call_result *ret, int64_t timeout_usec) {
        int r = service_result(s, c, ret);

        if (r == -EAGAIN && timeout_usec != 0)
                r = service_result_wait(s, c, ret, MIN(c->deadline_usec, deadline(timeout_usec)));
        if (r != -EAGAIN && r != -ETIMEDOUT)
                return r;
        if (c->deadline_usec == USEC_INFINITY || now_usec() < c->deadline_usec)
                return -EAGAIN;
        return service_end(s, c, ret, -ETIMEDOUT);
}

int ganger_service_finish(struct ganger_call *call, void *reply, size_t reply_size, size_t *ret_size,
                          int64_t timeout_usec) {
        struct ganger_service *service = call->service;
        struct call_result result;
        struct call c;
        int r;

        if (!service)
                return -EINVAL;
        c = call_of(call);
        r = result_within(&service->service, &c, &result, timeout_usec);
        if (r == -EAGAIN || r == -EINTR)
                return r;
        call->service = NULL;
        return conclude(service, &c, &result, r, reply, reply_size, ret_size);
}

int ganger_service_abandon(struct ganger_call *call) {
        struct ganger_service *service = call->service;
        struct call_result result;
        struct call c;
        int r;

        if (!service)
                return -EINVAL;
        c = call_of(call);
        r = service_end(&service->service, &c, &result, -ECANCELED);
        call->service = NULL;
        (void)conclude(service, &c, &result, r, NULL, 0, NULL);
        return 0;
}

/* ---- serving ----------------------------------------------------------------------------------- */

static int arm(struct ganger_service *s, struct served *ret) {
        struct epoll_event ignored;

        /* Forget the posts so far, then look: one that comes after this stays. */
        (void)epoll_wait(s->poll_fd, &ignored, 1, 0);
        return service_receive_poll(&s->service, ret);
}

/** There was no call. */
static int receive_wait(struct ganger_service *s, struct served *ret, int64_t timeout_usec) {
        int r;

        if (timeout_usec != 0)
                return service_receive_wait(&s->service, ret, deadline(timeout_usec), s->drain);
        r = s->poll_fd < 0 ? -EAGAIN : arm(s, ret);
        /* Armed, but whoever asked us to end may have looked for pollers just before. */
        return r == -EAGAIN && hold_ends(s->drain) ? -ESHUTDOWN : r;
}

int ganger_service_receive(struct ganger_service *service, struct ganger_request *ret, int64_t timeout_usec) {
        struct served served;
        int r;

        if (!(service->flags & GANGER_RECEIVE))
                return -EACCES;
        wait_disarm(&service->service.requests, service->handle.participant, &service->service.armed);
        r = hold_is_set(service->drain) ? hold_wait(service->drain, service->poll_fd, &timeout_usec) : 0;
        if (r < 0)
                return r;
        r = service_receive(&service->service, &served);
        if (r == -EAGAIN)
                r = receive_wait(service, &served, timeout_usec);
        if (r < 0)
                return r;
        service->held++;
        *ret = (struct ganger_request){
                .data = served.request,
                .size = served.size,
                .reply = served.reply,
                .id = served.id,
                .deadline_usec = served.deadline_usec,
                .deliveries = served.deliveries,
                .caller = served.caller,
                .service = service,
        };
        return 0;
}

/** The call that a request stands for. @return false: this handle does not serve it. */
static bool served_of(const struct ganger_request *request, struct served *ret) {
        const struct service *s;

        if (!request->service)
                return false;
        s = &request->service->service;
        *ret = (struct served){
                .lap = request->id >> s->log2, .slot = (uint32_t)request->id & s->mask, .caller = request->caller,
        };
        /* Where the reply lies we know ourselves. */
        ret->reply = (unsigned char *)service_slot(s, ret->slot) + s->reply_offset;
        return service_holds(s, ret);
}

/** It is answered, or it turned out that it was not ours. */
static int answered(struct ganger_request *request, int r) {
        if (r < 0)
                return r;
        request->service->held--;
        request->service = NULL;
        return r;
}

int ganger_service_reply(struct ganger_request *request, const void *data, size_t size) {
        struct served served;

        if (!served_of(request, &served))
                return -EINVAL;
        if (size > request->service->service.message_max)
                return -EMSGSIZE;
        if (size > 0 && data != served.reply)
                memmove(served.reply, data, size);
        return answered(request, service_reply(&request->service->service, &served, (uint32_t)size));
}

int ganger_service_fail(struct ganger_request *request, const char *reason) {
        struct served served;
        size_t size;

        if (!served_of(request, &served))
                return -EINVAL;
        size = reason ? strnlen(reason, request->service->service.message_max) : 0;
        if (size > 0 && reason != served.reply)
                memmove(served.reply, reason, size);
        return answered(request, service_fail(&request->service->service, &served, (uint32_t)size));
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

int service_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_service *s = w->handle;

        if (!(s->flags & event))
                return -EACCES;
        *ret = event == GANGER_RECEIVE ? service_request_item(&s->service, s->drain) : service_slot_item(&s->service);
        return 0;
}

int call_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        const struct ganger_call *call = w->handle;
        struct call c;

        if (event != GANGER_RECEIVE || !call->service)
                return -EINVAL;
        c = call_of(call);
        *ret = service_call_item(&call->service->service, &c);
        return 0;
}
